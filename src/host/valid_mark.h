#pragma once

#include "base/error.h"
#include "host/sysctl.h"

/*
 * Packets come in by interfaces that, without a mark, the route back does not lead to: replies to
 * marked datagrams, and with a kill switch what neighbours ask. Strict rp_filter would drop them
 * unless it looks at marks, which src_valid_mark lets it do.
 *
 * The setting is held for as long as the kernel has rules of tunnels' default routes
 * (network_rules.h) or of a kill switch (block.h), whoever made them.
 */

/* Before the rules are made. */
enum err valid_mark_hold(const char *state_dir, char out_problem[static SYSCTL_PROBLEM_SIZE]);

/* After rules were removed: puts back what was there before, unless others need it. */
enum err valid_mark_release(const char *state_dir);
