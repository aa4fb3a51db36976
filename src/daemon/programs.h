#pragma once

struct net_device_ops;

/*
 * The programs in this file, by the name it was started as and its first argument; ops is the
 * device of the net process. Returns the exit status.
 */
int programs_run(int count, char *const *arguments, const struct net_device_ops *ops);
