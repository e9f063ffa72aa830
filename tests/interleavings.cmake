# The engine with all its threads, in an order that a seed decides: base/thread.h once more, in front
# of the library's.
add_library(strandline_interleavings OBJECT
    crash/interleave_append.c
    crash/interleave_change.c
    crash/interleave_check.c
    crash/interleave_plan.c
    crash/interleave_promises.c
    crash/interleave_run.c
    crash/interleave_verify.c
    crash/interleavings.c
    support/scheduled_thread.c
    support/scheduler.c)
target_include_directories(strandline_interleavings PRIVATE ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(strandline_interleavings PRIVATE strandline_flags strandline_crashtest)
set_target_properties(strandline_interleavings PROPERTIES ${strandline_properties})
add_executable(crash_interleavings $<TARGET_OBJECTS:strandline_interleavings>)
target_link_libraries(crash_interleavings PRIVATE strandline_crashtest strandline_flags)
set_target_properties(crash_interleavings PROPERTIES ${strandline_properties} LINKER_LANGUAGE C)

# One seed in four, or eight, with every crash where the sanitizers take long.
set(seeds 100)
if(STRANDLINE_SANITIZE MATCHES thread)
    set(seeds 12 1 8)
elseif(STRANDLINE_SANITIZE)
    set(seeds 24 1 4)
endif()
strandline_command_test(crash.interleavings crash 600 $<TARGET_FILE:crash_interleavings> ${seeds})
strandline_command_test(crash.interleavings_all nightly 7200
    $<TARGET_FILE:crash_interleavings> 20000 100001)
