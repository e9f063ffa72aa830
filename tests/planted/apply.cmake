# cmake -DPATCH=... -DFILES=... -DSOURCE=... -DTARGET=... -P apply.cmake: copies FILES from SOURCE to
# TARGET and applies PATCH to them.  One that does not fit any more ends the build.
foreach(file IN LISTS FILES)
    configure_file(${SOURCE}/${file} ${TARGET}/${file} COPYONLY)
endforeach()
execute_process(
    COMMAND patch --strip=1 --fuzz=0 --force --silent --no-backup-if-mismatch --reject-file=-
        --directory=${TARGET} --input=${PATCH}
    OUTPUT_VARIABLE said
    ERROR_VARIABLE said
    RESULT_VARIABLE result)
if(NOT result EQUAL 0)
    foreach(file IN LISTS FILES)
        file(REMOVE ${TARGET}/${file})
    endforeach()
    message(FATAL_ERROR "${PATCH} does not apply any more (is `patch` installed?): make it anew.\n${said}")
endif()
foreach(file IN LISTS FILES)
    file(TOUCH ${TARGET}/${file})
endforeach()
