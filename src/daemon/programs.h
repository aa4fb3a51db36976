#pragma once

#include "daemon/net.h"

/*
 * The programs in this file, by the name it was started as and its first argument; find has the
 * devices of the net process. Returns the exit status.
 */
int programs_run(int count, char *const *arguments, net_find *find);
