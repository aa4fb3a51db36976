#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Control groups (cgroup2) of applications that go past all tunnels, or into one of them. They are
 * folders "umbra/NETWORK/NAME" below the mount of cgroup2, where NETWORK is the number of this
 * process's network namespace, as each may have a daemon of its own. What a group's processes send
 * is led by the mark that their sockets are born with (host/split_program.h).
 */

enum {
	SPLIT_GROUP_PATH_SIZE = 256,
	SPLIT_GROUP_PROBLEM_SIZE = 256,
};

/* "outside", or "inside-" and the tunnel's name. Free of slashes. */
struct split_group {
	const char *name;
	uint32_t mark;
	bool kept;          /* nothing leaves but by the interface and the loopback */
	uint32_t interface; /* of kept; 0: nothing leaves at all */
};

/*
 * Makes the group, or changes the one that is there; its path is for who wants to join.
 * ERR_NOT_FOUND: cgroup2 is not mounted; ERR_UNSUPPORTED: the kernel has no BPF for groups.
 */
enum err split_group_make(const struct split_group *group,
						  char out_path[static SPLIT_GROUP_PATH_SIZE],
						  char out_problem[static SPLIT_GROUP_PROBLEM_SIZE]);

/* Whether there is a group of the name that an earlier process left, because somebody is in it. */
bool split_group_exists(const char *name);

/* Removes the group unless somebody is in it. */
void split_group_remove(const char *name);
/* The same with all there are. */
void split_groups_remove(void);

/*
 * Where cgroup2 is mounted, by the text of /proc/self/mountinfo (proc(5)). ERR_NOT_FOUND, also for
 * a path that has no room.
 */
enum err split_group_find_mount(const char *mountinfo, char *out_path, size_t size);
