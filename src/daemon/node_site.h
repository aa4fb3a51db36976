#pragma once

#include "base/error.h"
#include "daemon/node_core.h"

/*
 * What servers of streams show to strangers: files that control may not read, and sockets that it
 * may not open.
 */

/*
 * What a tunnel shows that comes up; before control learns that it is. out_problem, if there is an
 * error, says what is wrong with its folder.
 */
enum err node_site_up(struct node *node, const struct node_tunnel *tunnel,
					  char out_problem[static NODE_REASON_SIZE]);
/* All of them: a new control process has to learn it. */
void node_site_tell_all(struct node *node);
/* The same, as the files may be others. */
void node_site_reload(struct node *node);
/* BACKEND of control. */
void node_site_backend(struct node *node, const struct process_message *message);
