#pragma once

/*
 * The process that people talk to: control API, store, names of endpoints. It sees no traffic keys
 * but those of peers that it keeps itself, and changes the host only through the privileged
 * process.
 */

#define CONTROL_ARGUMENT "--process=control"
/* The path of the configuration, for messages; its content comes from the privileged process. */
#define CONTROL_CONFIGURATION_ARGUMENT "--configuration="
/* The store's folder. */
#define CONTROL_STORE_ARGUMENT "--store="
/* Servers to ask for the names of endpoints, as resolver_options has them; empty: the system's. */
/* And NET_LOG_ARGUMENT, SANDBOX_ARGUMENT. */

/* The whole process; returns its exit status. Descriptor 3 is its channel. */
int control_main(int count, char *const *arguments);
