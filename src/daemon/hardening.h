#pragma once

/* What every process of the daemon does for itself before it sees a key. Nothing here can fail. */

/* No core dumps and no debugger, memory locked where allowed, a strict umask, the root folder. */
void hardening_apply(void);

/* Descriptors 0 to 2 are open afterwards, all from first on closed. */
void hardening_clean_descriptors(unsigned first);

/* Opens what the next one needs, for a process that soon may open nothing. */
void hardening_prepare_detach(void);
/* Standard input, output and error become /dev/null. */
void hardening_detach_terminal(void);
