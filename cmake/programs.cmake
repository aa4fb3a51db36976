# What a user runs, side by side in bin/ of the build folder; `programs` builds just these.
#   umbra-wg is the daemon under the name that makes it take an interface name as its argument.
set(UMBRA_BIN ${CMAKE_BINARY_DIR}/bin)
add_custom_target(programs ALL)
foreach(program umbrad umbra)
  if(TARGET ${program})
    set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${UMBRA_BIN})
    add_dependencies(programs ${program})
  endif()
endforeach()

if(TARGET umbrad)
  add_custom_command(OUTPUT ${UMBRA_BIN}/umbra-wg
    COMMAND ${CMAKE_COMMAND} -E make_directory ${UMBRA_BIN}
    COMMAND ${CMAKE_COMMAND} -E create_symlink umbrad ${UMBRA_BIN}/umbra-wg
    VERBATIM)
  add_custom_target(umbra-wg ALL DEPENDS ${UMBRA_BIN}/umbra-wg)
  add_dependencies(programs umbra-wg)
endif()

# make install
include(GNUInstallDirs)
if(TARGET umbrad)
  install(TARGETS umbrad RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES ${UMBRA_BIN}/umbra-wg DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(TARGET umbra)
  install(TARGETS umbra RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
foreach(section 1 5 8)
  file(GLOB pages CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/doc/man/*.${section})
  if(pages)
    install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
  endif()
endforeach()
