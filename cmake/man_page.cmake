# cmake -D PROGRAM=… -D TEMPLATE=… -D OUTPUT=… -D PROJECT_VERSION=… -P man_page.cmake
#   Puts the reference that the program prints between head and tail of a manual page.
execute_process(COMMAND ${PROGRAM} config reference --man
  OUTPUT_VARIABLE UMBRA_KEYS OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
configure_file(${TEMPLATE} ${OUTPUT} @ONLY NEWLINE_STYLE UNIX)
file(TOUCH ${OUTPUT})
