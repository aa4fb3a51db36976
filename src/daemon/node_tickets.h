#pragma once

struct config;

/*
 * Gives tunnels whose clients log in, and whose configuration names no file with one, the key that
 * their tickets are sealed with: that of the file "ticket.key" of the state folder, which is made.
 */
void node_tickets_take(struct config *config, const char *state_dir);
