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

# What the tool knows best it writes itself: completion scripts, and the keys of umbra.yaml(5).
set(UMBRA_COMPLETIONS ${CMAKE_BINARY_DIR}/completions)
set(UMBRA_MAN ${CMAKE_BINARY_DIR}/man)
if(TARGET umbra)
  file(MAKE_DIRECTORY ${UMBRA_COMPLETIONS} ${UMBRA_MAN})
  foreach(script bash/umbra.bash zsh/_umbra fish/umbra.fish)
    get_filename_component(shell ${script} DIRECTORY)
    get_filename_component(file ${script} NAME)
    add_custom_command(OUTPUT ${UMBRA_COMPLETIONS}/${file}
      COMMAND ${CMAKE_COMMAND} -D OUTPUT=${UMBRA_COMPLETIONS}/${file}
        -D "COMMAND=$<TARGET_FILE:umbra>$<SEMICOLON>completion$<SEMICOLON>${shell}"
        -P ${CMAKE_SOURCE_DIR}/cmake/print_to.cmake
      DEPENDS umbra ${CMAKE_SOURCE_DIR}/cmake/print_to.cmake
      VERBATIM)
    list(APPEND completions ${UMBRA_COMPLETIONS}/${file})
  endforeach()
  add_custom_command(OUTPUT ${UMBRA_MAN}/umbra.yaml.5
    COMMAND ${CMAKE_COMMAND} -D PROGRAM=$<TARGET_FILE:umbra> -D OUTPUT=${UMBRA_MAN}/umbra.yaml.5
      -D TEMPLATE=${CMAKE_SOURCE_DIR}/doc/man/umbra.yaml.5.in -D PROJECT_VERSION=${PROJECT_VERSION}
      -P ${CMAKE_SOURCE_DIR}/cmake/man_page.cmake
    DEPENDS umbra ${CMAKE_SOURCE_DIR}/doc/man/umbra.yaml.5.in
      ${CMAKE_SOURCE_DIR}/cmake/man_page.cmake
    VERBATIM)
  add_custom_target(generated ALL DEPENDS ${completions} ${UMBRA_MAN}/umbra.yaml.5)
  add_dependencies(programs generated)
endif()

# make install
include(GNUInstallDirs)
if(TARGET umbrad)
  install(TARGETS umbrad RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES ${UMBRA_BIN}/umbra-wg DESTINATION ${CMAKE_INSTALL_BINDIR})
  # With the prefix of the installation, which may be another than that of the configuration.
  install(CODE "set(CMAKE_INSTALL_FULL_BINDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
    foreach(unit umbrad umbra-block)
      configure_file(${CMAKE_SOURCE_DIR}/deploy/systemd/\${unit}.service.in
        ${CMAKE_BINARY_DIR}/deploy/\${unit}.service @ONLY)
    endforeach()")
  install(FILES ${CMAKE_BINARY_DIR}/deploy/umbrad.service
    ${CMAKE_BINARY_DIR}/deploy/umbra-block.service DESTINATION lib/systemd/system)
  install(FILES ${CMAKE_SOURCE_DIR}/deploy/systemd/umbra.sysusers DESTINATION lib/sysusers.d
    RENAME umbra.conf)
endif()
if(TARGET umbra)
  install(TARGETS umbra RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES ${UMBRA_MAN}/umbra.yaml.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
  install(FILES ${UMBRA_COMPLETIONS}/umbra.bash RENAME umbra
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${UMBRA_COMPLETIONS}/_umbra DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${UMBRA_COMPLETIONS}/umbra.fish
    DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
foreach(section 1 5 8)
  file(GLOB pages CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/doc/man/*.${section})
  if(pages)
    install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
  endif()
endforeach()
