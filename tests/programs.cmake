# Test programs, in C.  They reach internal functions, so they are linked with the static library.
pkg_check_modules(CRITERION REQUIRED IMPORTED_TARGET criterion)

file(GLOB support_sources CONFIGURE_DEPENDS support/*.c) # TEMPORARY
list(FILTER support_sources EXCLUDE REGEX tsan_criterion)
add_library(strandline_test_support INTERFACE)
target_include_directories(strandline_test_support INTERFACE
    ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
target_compile_definitions(strandline_test_support INTERFACE
    STRAND_FIXTURES_DIR="${CMAKE_CURRENT_SOURCE_DIR}/fixtures")
target_link_libraries(strandline_test_support INTERFACE strandline_flags)
# Tests take a lock in one function and give it back in another.
target_compile_options(strandline_test_support INTERFACE
    $<$<C_COMPILER_ID:Clang>:-Wno-thread-safety>)
if(TARGET strandline_simulation)
    target_link_libraries(strandline_test_support INTERFACE strandline_simulation)
endif()
target_link_libraries(strandline_test_support INTERFACE strandline_static Threads::Threads)
if(support_sources)
    add_library(strandline_test_support_objects STATIC ${support_sources})
    target_link_libraries(strandline_test_support_objects PUBLIC strandline_test_support)
    set_target_properties(strandline_test_support_objects PROPERTIES ${strandline_properties})
    set(strandline_test_libraries strandline_test_support_objects)
else()
    set(strandline_test_libraries strandline_test_support)
endif()

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
        ${strandline_test_libraries} strandline_criterion PkgConfig::CRITERION)
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
    target_link_libraries(${label}_${name} PRIVATE ${strandline_test_libraries})
    set_target_properties(${label}_${name} PROPERTIES ${strandline_properties})
    add_test(NAME ${label}.${name} COMMAND ${label}_${name} ${ARGN})
    set_tests_properties(${label}.${name} PROPERTIES
        LABELS ${label}
        TIMEOUT 300
        SKIP_RETURN_CODE 77
        ENVIRONMENT "${strandline_test_environment}")
endfunction()

file(GLOB unit_tests RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}/unit CONFIGURE_DEPENDS unit/test_*.c) # TEMPORARY
foreach(source IN LISTS unit_tests)
    string(REGEX REPLACE "^test_(.*)\\.c$" "\\1" name ${source})
    strandline_unit_test(${name})
    if(name MATCHES "^cli_")
        target_link_libraries(test_${name} PRIVATE strandline_command)
    endif()
endforeach()
foreach(label IN ITEMS stress crash)
    file(GLOB programs RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}/${label} CONFIGURE_DEPENDS ${label}/*.c) # TEMPORARY
    foreach(source IN LISTS programs)
        string(REGEX REPLACE "\\.c$" "" name ${source})
        strandline_program_test(${label} ${name})
    endforeach()
endforeach()
