# What is checked about the source and the objects, not by running them.  A tool that is missing makes
# a test skip, which tools/test.sh --no-skips counts as a failure.
set(tools ${PROJECT_SOURCE_DIR}/tools)

strandline_command_test(style.layers style 60 sh ${tools}/check_layers.sh)
strandline_command_test(style.sources style 60 sh ${tools}/check_sources.sh)
strandline_command_test(style.readmes style 60 sh ${tools}/check_readmes.sh)
strandline_command_test(style.behaviours style 60 sh ${tools}/check_behaviours.sh)
strandline_command_test(style.format style 60 sh ${tools}/check_format.sh)
strandline_command_test(style.headers style 120 sh ${tools}/check_headers.sh)
strandline_command_test(style.analyzer style 300 sh ${tools}/check_analyzer.sh)
strandline_command_test(style.cppcheck style 300 sh ${tools}/check_cppcheck.sh)
strandline_command_test(style.exports style 60
    sh ${tools}/check_exports.sh $<TARGET_FILE:strandline_shared>)
if(STRANDLINE_BUILD_CRASH)
    strandline_command_test(style.crash_exports style 60
        sh ${tools}/check_exports.sh $<TARGET_FILE:strandline_crash_shared>)
endif()
strandline_command_test(style.symbols style 60
    sh ${tools}/check_symbols.sh $<TARGET_OBJECTS:strandline_objects>)
