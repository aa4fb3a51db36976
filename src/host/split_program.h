#pragma once

#include <stdint.h>

#include "base/error.h"

/*
 * Two BPF programs for control groups, a few instructions each, that the kernel keeps as long as
 * the group is there, whatever becomes of this process. Attaching replaces the one of before.
 *
 *   mark  every IP socket that is made in the group gets a firewall mark before anything chooses a
 *         source address for it
 *   keep  packets of the group's sockets leave by one interface or the loopback, or not at all
 *
 * group is a descriptor of the group's folder. ERR_PERMISSION, ERR_UNSUPPORTED (a kernel without
 * CONFIG_CGROUP_BPF), ERR_IO.
 */

enum err split_program_mark(int group, uint32_t mark);
/* interface 0: only the loopback. */
enum err split_program_keep(int group, uint32_t interface);
