# cmake -D OUTPUT=… -D "COMMAND=program;argument" -P print_to.cmake
#   A file of what a command prints; none when it fails.
execute_process(COMMAND ${COMMAND} OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
file(WRITE ${OUTPUT} "${text}")
