#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * The system calls of each process, as tables. A call has as many rows as there are ways to make
 * it; a row with conditions holds when all of them do. Names that this processor or libseccomp does
 * not have are left out.
 */

enum { SANDBOX_CONDITIONS_MAX = 2 };

enum sandbox_comparison {
	SANDBOX_ANY,       /* no condition */
	SANDBOX_MASKED,    /* argument & mask == value */
	SANDBOX_DIFFERENT, /* argument != value */
	SANDBOX_ABOVE,     /* argument > value */
	SANDBOX_OWN,       /* the argument is this process's own number */
	SANDBOX_NOT_OWN,   /* or another than that, and not 0, which stands for it */
};

struct sandbox_call {
	const char *name; /* NULL ends a table */
	struct {
		enum sandbox_comparison how;
		uint8_t argument; /* from 0 */
		uint64_t mask, value;
	} when[SANDBOX_CONDITIONS_MAX];
};

/* What no part of net or control ever has a reason to do: it ends the process. */
extern const struct sandbox_call sandbox_calls_fatal[];
/* Other processes' memory and descriptors, for all processes; a sanitizer makes such calls. */
extern const struct sandbox_call sandbox_calls_debug[];
/* Besides, for net alone; and for one that has no tunnels of streams. */
extern const struct sandbox_call sandbox_calls_fatal_net[];
extern const struct sandbox_call sandbox_calls_fatal_packets[];

/* Of what they may do otherwise: EPERM. A library may try it. */
extern const struct sandbox_call sandbox_calls_refused[];

/* All that these may do; anything else fails with EPERM. */
extern const struct sandbox_call sandbox_calls_common[];
extern const struct sandbox_call sandbox_calls_control[];
/* Of a net that may have tunnels of streams. */
extern const struct sandbox_call sandbox_calls_streams[];

/* What the privileged process and the programs that it starts may not: EPERM. */
extern const struct sandbox_call sandbox_calls_forbidden[];
