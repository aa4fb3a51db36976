#pragma once

/*
 * The program umbra-wg: one interface, configured through a socket of its own. Returns its exit
 * status.
 */
int interface_run(int count, char *const *arguments);
