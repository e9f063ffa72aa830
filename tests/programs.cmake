# Test programs, in C.  They reach internal functions, so they are linked with the static library.
pkg_check_modules(CRITERION REQUIRED IMPORTED_TARGET criterion)

# What the programs share: flags, the source tree, and support/.
add_library(strandline_test_support STATIC
    support/batch_text.c
    support/engine_fixture.c
    support/fault_fs.c
    support/hold_fs.c
    support/index_engine.c
    support/index_audit.c
    support/index_fixture.c
    support/lmdb_image.c
    support/log_image.c
    support/log_model.c
    support/recovery_case_run.c
    support/recovery_cases.c
    support/salvage_cases.c
    support/replica.c
    support/scratch.c
    support/segment_image.c
    support/toy_log.c)
target_include_directories(strandline_test_support PUBLIC
    ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
target_compile_definitions(strandline_test_support PUBLIC
    STRAND_FIXTURES_DIR="${CMAKE_CURRENT_SOURCE_DIR}/fixtures")
target_link_libraries(strandline_test_support PUBLIC
    strandline_flags strandline_simulation strandline_static Threads::Threads)
set_target_properties(strandline_test_support PROPERTIES ${strandline_properties})

# Criterion does not start under ThreadSanitizer unless its arena is moved.
if(STRANDLINE_SANITIZE MATCHES thread)
    add_library(strandline_criterion OBJECT support/tsan_criterion.c)
    target_link_libraries(strandline_criterion PRIVATE strandline_flags)
    target_link_options(strandline_criterion INTERFACE LINKER:--export-dynamic-symbol=rand_r)
    set_target_properties(strandline_criterion PROPERTIES ${strandline_properties})
else()
    add_library(strandline_criterion INTERFACE)
endif()

# strandline_unit_test(<name> [source...]): unit/test_<name>.c, a program made with Criterion.
function(strandline_unit_test name)
    add_executable(test_${name} unit/test_${name}.c ${ARGN})
    target_link_libraries(test_${name} PRIVATE
        strandline_test_support strandline_criterion PkgConfig::CRITERION)
    set_target_properties(test_${name} PROPERTIES ${strandline_properties})
    # Criterion succeeds when it finds nothing to run, and names skipped tests only when verbose.
    add_test(NAME unit.${name} COMMAND test_${name} --jobs 1 --verbose)
    set_tests_properties(unit.${name} PROPERTIES
        LABELS unit
        TIMEOUT 180
        FAIL_REGULAR_EXPRESSION "Tested: 0 "
        ENVIRONMENT "${strandline_test_environment}")
endfunction()

# strandline_program_test(<label> <name> [argument...]): <label>/<name>.c, a plain program with a
# main of its own; exit code 77 is a skip.
function(strandline_program_test label name)
    add_executable(${label}_${name} ${label}/${name}.c)
    target_link_libraries(${label}_${name} PRIVATE strandline_test_support)
    set_target_properties(${label}_${name} PROPERTIES ${strandline_properties})
    add_test(NAME ${label}.${name} COMMAND ${label}_${name} ${ARGN})
    set_tests_properties(${label}.${name} PROPERTIES
        LABELS ${label}
        TIMEOUT 600
        COST 600
        SKIP_RETURN_CODE 77
        ENVIRONMENT "${strandline_test_environment}")
endfunction()

strandline_unit_test(batch)
strandline_unit_test(batch_encode)
strandline_unit_test(batch_random)
strandline_unit_test(buffer_pool)
strandline_unit_test(checkpoint)
strandline_unit_test(checkpointer)
target_link_options(test_checkpointer PRIVATE LINKER:--wrap=strand_mutex_lock)
strandline_unit_test(clean_marker)
strandline_unit_test(clean_close)
strandline_unit_test(codec_formats)
strandline_unit_test(codecs)
strandline_unit_test(committer)
strandline_unit_test(compression)
strandline_unit_test(config)
strandline_unit_test(crash_explore)
strandline_unit_test(crash_record)
strandline_unit_test(crash_seen)
strandline_unit_test(crash_states)
foreach(name IN ITEMS crashtest_shrink crashtest_step crashtest_suite)
    strandline_unit_test(${name})
    target_link_libraries(test_${name} PRIVATE strandline_crashtest)
endforeach()
target_link_options(test_crashtest_suite PRIVATE LINKER:--wrap=strand_segment_sync)
strandline_unit_test(crc32c)
strandline_unit_test(engine)
strandline_unit_test(engine_beside)
strandline_unit_test(engine_directory)
strandline_unit_test(engine_durability)
strandline_unit_test(engine_index)
strandline_unit_test(engine_index_bits)
strandline_unit_test(engine_index_damage)
strandline_unit_test(engine_index_doubt)
strandline_unit_test(engine_index_faults)
target_link_options(test_engine_index_faults PRIVATE
    LINKER:--wrap=strand_index_commit,--wrap=strand_index_put_log
    LINKER:--wrap=strand_index_find_offset,--wrap=strand_index_find_time)
strandline_unit_test(engine_index_random)
strandline_unit_test(engine_opening)
strandline_unit_test(engine_posix)
strandline_unit_test(engine_limits)
strandline_unit_test(engine_recovery)
strandline_unit_test(engine_reopening)
strandline_unit_test(error)
strandline_unit_test(file)
strandline_unit_test(file_replace)
strandline_unit_test(follower_random)
strandline_unit_test(follower_restart)
strandline_unit_test(fork_guard)
strandline_unit_test(frontier)
strandline_unit_test(frontier_crash)
strandline_unit_test(fs_posix)
strandline_unit_test(index)
strandline_unit_test(index_files)
strandline_unit_test(index_lmdb)
strandline_unit_test(index_random)
strandline_unit_test(kafka_fixtures)
strandline_unit_test(leader_epoch)
strandline_unit_test(lmdb_check)
strandline_unit_test(lmdb_damage)
strandline_unit_test(log_append)
strandline_unit_test(log_append_batches)
strandline_unit_test(log_append_faults)
strandline_unit_test(log_cut)
strandline_unit_test(log_cut_faults)
strandline_unit_test(log_cut_rules)
strandline_unit_test(log_damage)
strandline_unit_test(log_epoch_threads)
strandline_unit_test(log_epochs)
strandline_unit_test(log_fetch)
strandline_unit_test(log_follow)
strandline_unit_test(log_follower)
strandline_unit_test(log_gather)
strandline_unit_test(log_identity)
strandline_unit_test(log_leftovers)
strandline_unit_test(log_read)
strandline_unit_test(log_recovery)
strandline_unit_test(log_recovery_bad_input)
strandline_unit_test(log_recovery_boot)
strandline_unit_test(log_recovery_bound)
strandline_unit_test(log_recovery_clean)
strandline_unit_test(log_recovery_crash)
strandline_unit_test(log_roll)
strandline_unit_test(log_salvage)
strandline_unit_test(log_salvage_crash)
strandline_unit_test(log_stage)
strandline_unit_test(log_time)
strandline_unit_test(log_wait)
strandline_unit_test(open_kafka)
strandline_unit_test(preparer)
strandline_unit_test(preparer_threads)
strandline_unit_test(record_reader)
strandline_unit_test(recovery_policy)
strandline_unit_test(scheduler support/scheduled_thread.c support/scheduler.c)
strandline_unit_test(segment)
strandline_unit_test(segment_scan)
strandline_unit_test(segment_search)
strandline_unit_test(segment_facts)
strandline_unit_test(sim_disk)
strandline_unit_test(sim_disk_loss)
strandline_unit_test(sim_disk_plan)
strandline_unit_test(sim_disk_space)
strandline_unit_test(sparse_index)
strandline_unit_test(thread)
strandline_unit_test(topic_name)
strandline_unit_test(varint)
strandline_unit_test(watch)
strandline_unit_test(xxh32)

if(TARGET strandline_command)
    foreach(name IN ITEMS
            cli_base64
            cli_doctor
            cli_input
            cli_json_output
            cli_log_check
            cli_mount_info
            cli_position
            cli_record_format)
        strandline_unit_test(${name})
        target_link_libraries(test_${name} PRIVATE strandline_command)
    endforeach()
endif()

if(TARGET strandline_benchmark)
    foreach(name IN ITEMS bench_histogram bench_load bench_match bench_options)
        strandline_unit_test(${name})
        target_link_libraries(test_${name} PRIVATE strandline_benchmark)
    endforeach()
endif()

strandline_program_test(stress appends_and_syncs)
strandline_program_test(stress readers_and_cuts)
add_test(NAME stress.readers_and_cuts_prepared COMMAND stress_readers_and_cuts prepared)
set_tests_properties(stress.readers_and_cuts_prepared PROPERTIES
    LABELS stress TIMEOUT 600 ENVIRONMENT "${strandline_test_environment}")
strandline_program_test(stress index_and_cuts)
strandline_program_test(stress many_logs 1000)
strandline_command_test(stress.ten_thousand_logs nightly 600 $<TARGET_FILE:stress_many_logs> 10000)

# A share of all damages, and one for each that nothing can tell; at night all of them.
add_executable(crash_damage_sweep
    crash/damage_judge.c
    crash/damage_kinds.c
    crash/damage_look.c
    crash/damage_reference.c
    crash/damage_sweep.c)
target_link_libraries(crash_damage_sweep PRIVATE strandline_test_support)
set_target_properties(crash_damage_sweep PROPERTIES ${strandline_properties})
strandline_command_test(crash.damage_sweep crash 300 $<TARGET_FILE:crash_damage_sweep> 127)
strandline_command_test(crash.damage_sweep_all nightly 7200 $<TARGET_FILE:crash_damage_sweep>)

# Each call that can fail fails, for N = 1, 2, ...: a share of them, at night all.
add_library(strandline_nth STATIC
    crash/nth_case.c
    crash/nth_codec.c
    crash/nth_look.c
    crash/nth_open.c
    crash/nth_run.c)
target_link_libraries(strandline_nth PUBLIC strandline_crashtest strandline_test_support)
set_target_properties(strandline_nth PROPERTIES ${strandline_properties})
strandline_program_test(crash nth_recovery 97)
target_link_libraries(crash_nth_recovery PRIVATE strandline_nth)
strandline_command_test(crash.nth_recovery_all nightly 7200 $<TARGET_FILE:crash_nth_recovery>)

# The library with its calls for memory renamed, so that they and no others can be made to fail.
set(renamed ${CMAKE_CURRENT_BINARY_DIR}/libstrandline_renamed.a)
list(APPEND renames)
foreach(name IN ITEMS malloc calloc realloc strdup)
    list(APPEND renames --redefine-sym ${name}=nth_${name})
endforeach()
add_custom_command(OUTPUT ${renamed}
    COMMAND ${CMAKE_OBJCOPY} ${renames} $<TARGET_FILE:strandline_static> ${renamed}
    DEPENDS strandline_static VERBATIM)
add_custom_target(strandline_renamed DEPENDS ${renamed})
strandline_program_test(crash nth_allocation 61)
add_dependencies(crash_nth_allocation strandline_renamed)
target_link_libraries(crash_nth_allocation PRIVATE
    $<LINK_LIBRARY:WHOLE_ARCHIVE,${renamed}> strandline_nth)
set_target_properties(crash_nth_allocation PROPERTIES LINK_DEPENDS ${renamed})
strandline_command_test(crash.nth_allocation_all nightly 7200 $<TARGET_FILE:crash_nth_allocation>)

# What needs a file system of its own, which only root can mount.
foreach(name IN ITEMS engine_index_full_disk full_disk index_full_disk)
    add_executable(crash_${name} crash/${name}.c)
    target_link_libraries(crash_${name} PRIVATE strandline_test_support)
    set_target_properties(crash_${name} PROPERTIES ${strandline_properties})
    foreach(kind IN ITEMS tmpfs ext4 xfs)
        strandline_command_test(crash.${name}_${kind} crash 300
            sh ${CMAKE_CURRENT_SOURCE_DIR}/crash/full_disk.sh $<TARGET_FILE:crash_${name}> ${kind})
    endforeach()
endforeach()

# Real power cuts, which need root too; and at night a disk of FUSE that fails and forgets.
foreach(name IN ITEMS real_cuts real_disk)
    add_executable(crash_${name} crash/${name}.c
        support/fuse_disk.c
        support/real_cycle.c
        support/real_mount.c
        support/real_promises.c
        support/real_verify.c
        support/real_verify_epochs.c
        support/real_write_back.c
        support/real_writer.c)
    target_link_libraries(crash_${name} PRIVATE strandline_test_support)
    set_target_properties(crash_${name} PROPERTIES ${strandline_properties})
endforeach()
strandline_command_test(crash.real_cuts_ext4 crash 300 $<TARGET_FILE:crash_real_cuts> ext4 250)
strandline_command_test(crash.real_cuts_xfs crash 300 $<TARGET_FILE:crash_real_cuts> xfs 120)
foreach(kind IN ITEMS ext4 xfs)
    strandline_command_test(crash.real_cuts_${kind}_long nightly 3600
        $<TARGET_FILE:crash_real_cuts> ${kind} 10000)
    foreach(mode IN ITEMS drop subset eio eio-records enospc)
        strandline_command_test(crash.real_disk_${kind}_${mode} nightly 1800
            $<TARGET_FILE:crash_real_disk> ${kind} ${mode} 500)
    endforeach()
endforeach()

# What a fuzzer calls, on a corpus and on damaged inputs that are the same each time; and with
# STRANDLINE_FUZZERS by the fuzzer: fuzz_<target> CORPUS.
#
# strandline_fuzz_target(<target> <rounds> [SOURCES source...] [CORPUS directory...])
function(strandline_fuzz_target target rounds)
    cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "SOURCES;CORPUS")
    add_executable(fuzz_mutate_${target}
        fuzz/fuzz_${target}.c fuzz/fuzz_support.c fuzz/mutate.c ${arg_SOURCES})
    list(TRANSFORM arg_CORPUS PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
    strandline_command_test(fuzz.${target} fuzz 300
        $<TARGET_FILE:fuzz_mutate_${target}> ${rounds} ${arg_CORPUS})
    set(programs fuzz_mutate_${target})
    if(STRANDLINE_FUZZERS)
        add_executable(fuzz_${target}
            fuzz/fuzz_${target}.c fuzz/fuzz_support.c ${arg_SOURCES})
        target_link_options(fuzz_${target} PRIVATE -fsanitize=fuzzer)
        list(APPEND programs fuzz_${target})
    endif()
    foreach(program IN LISTS programs)
        target_link_libraries(${program} PRIVATE strandline_test_support)
        set_target_properties(${program} PROPERTIES ${strandline_properties})
    endforeach()
endfunction()

strandline_fuzz_target(lmdb_check 4000)
strandline_fuzz_target(batch 20000 CORPUS fuzz/corpus/batch fixtures/kafka/batches)
strandline_fuzz_target(records 20000 CORPUS fuzz/corpus/records)
strandline_fuzz_target(codec 20000 CORPUS fuzz/corpus/codec)
strandline_fuzz_target(checkpoint 20000 CORPUS fuzz/corpus/checkpoint fixtures/kafka/files)
strandline_fuzz_target(leader_epoch 20000 CORPUS fuzz/corpus/leader_epoch)
strandline_fuzz_target(frontier 20000 CORPUS fuzz/corpus/frontier)
strandline_fuzz_target(clean_marker 20000 CORPUS fuzz/corpus/clean_marker)
strandline_fuzz_target(log_identity 20000 CORPUS fuzz/corpus/log_identity)
strandline_fuzz_target(directory 2000
    SOURCES crash/damage_reference.c CORPUS fuzz/corpus/directory)
