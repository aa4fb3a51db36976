set(UMBRA_VECTORS ${CMAKE_SOURCE_DIR}/../shared/vectors CACHE PATH
  "Folder with collections of test vectors, used where it exists")

# All libraries, without tests.
add_custom_target(modules)

# umbra_module(NAME SOURCES a.c b.c DEPENDS base crypto LIBRARIES PkgConfig::MNL)
#   The static library umbra_NAME of src/NAME.
function(umbra_module name)
  cmake_parse_arguments(M "" "" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
  add_library(umbra_${name} STATIC ${M_SOURCES})
  target_link_libraries(umbra_${name} PUBLIC umbra_flags)
  foreach(dependency ${M_DEPENDS})
    target_link_libraries(umbra_${name} PUBLIC umbra_${dependency})
  endforeach()
  target_link_libraries(umbra_${name} PUBLIC ${M_LIBRARIES})
  add_dependencies(modules umbra_${name})
endfunction()

# umbra_unit_tests(MODULE NAME...)
#   test/unit/MODULE/test_NAME.c, one cmocka program each, without root or network.
function(umbra_unit_tests module)
  foreach(name ${ARGN})
    set(target test_${module}_${name})
    umbra_test_program(unit.${module}.${name} ${target}
      ${CMAKE_SOURCE_DIR}/test/unit/${module}/test_${name}.c)
    if(TARGET ${target})
      target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/test/unit)
      target_link_libraries(${target} PRIVATE umbra_${module})
    endif()
    if(TEST unit.${module}.${name})
      set_tests_properties(unit.${module}.${name} PROPERTIES LABELS unit TIMEOUT 60
        ENVIRONMENT "UMBRA_VECTORS=${UMBRA_VECTORS}")
    endif()
  endforeach()
endfunction()

# umbra_test_program(TEST TARGET SOURCE)
#   A cmocka program. With UMBRA_FUZZ, where nobody runs it, it is compiled for the warnings alone.
function(umbra_test_program test target source)
  if(NOT CMOCKA_LIBRARY)
    return()
  endif()
  if(UMBRA_FUZZ)
    add_library(${target} OBJECT ${source})
  else()
    add_executable(${target} ${source})
    add_test(NAME ${test} COMMAND ${target})
  endif()
  target_link_libraries(${target} PRIVATE ${CMOCKA_LIBRARY})
endfunction()

# umbra_fuzzers(MODULE NAME...)
#   fuzz/fuzz_NAME.c with LLVMFuzzerTestOneInput. A libFuzzer program with UMBRA_FUZZ; otherwise a
#   program that runs the seeds of fuzz/corpus/NAME once, as an ordinary test.
function(umbra_fuzzers module)
  foreach(name ${ARGN})
    set(target fuzz_${name})
    if(UMBRA_FUZZ)
      add_executable(${target} ${CMAKE_SOURCE_DIR}/fuzz/fuzz_${name}.c)
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    else()
      add_executable(${target} ${CMAKE_SOURCE_DIR}/fuzz/fuzz_${name}.c
        ${CMAKE_SOURCE_DIR}/fuzz/replay_main.c)
      add_test(NAME seeds.${name} COMMAND ${target} ${CMAKE_SOURCE_DIR}/fuzz/corpus/${name})
      set_tests_properties(seeds.${name} PROPERTIES LABELS unit TIMEOUT 120)
    endif()
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/test/unit)
    target_link_libraries(${target} PRIVATE umbra_${module})
  endforeach()
endfunction()
