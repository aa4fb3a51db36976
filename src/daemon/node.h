#pragma once

/* The program umbrad: the tunnels of a configuration. Returns its exit status. */
int node_run(int count, char *const *arguments);
