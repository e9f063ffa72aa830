# strandline_patched(<patch> <name variable> <sources variable>): the files that a patch touches, copied
# into the build directory and patched; a patch that does not fit any more ends the build.
set(strandline_apply ${CMAKE_CURRENT_LIST_DIR}/apply.cmake)

function(strandline_patched patch out_name out_sources)
    get_filename_component(name ${patch} NAME_WE)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${patch})
    file(STRINGS ${patch} files REGEX "^\\+\\+\\+ b/")
    list(TRANSFORM files REPLACE "^\\+\\+\\+ b/([^\t ]+).*" "\\1")
    set(target ${CMAKE_CURRENT_BINARY_DIR}/${name})
    list(TRANSFORM files PREPEND ${target}/ OUTPUT_VARIABLE patched)
    list(TRANSFORM files PREPEND ${PROJECT_SOURCE_DIR}/ OUTPUT_VARIABLE originals)
    add_custom_command(OUTPUT ${patched}
        COMMAND ${CMAKE_COMMAND} -DPATCH=${patch} "-DFILES=${files}" -DSOURCE=${PROJECT_SOURCE_DIR}
            -DTARGET=${target} -P ${strandline_apply}
        DEPENDS ${patch} ${originals} ${strandline_apply}
        COMMENT "Planting ${name}" VERBATIM)
    set(${out_name} ${name} PARENT_SCOPE)
    set(${out_sources} ${patched} PARENT_SCOPE)
endfunction()
