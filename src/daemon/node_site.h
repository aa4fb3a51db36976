#pragma once

/* What servers of streams show to strangers: files that control may not read, and sockets that it
 * may not open. */

struct node;
struct node_tunnel;
struct process_message;

/* What a tunnel shows that is up now; before control learns that it is. */
void node_site_tell(struct node *node, const struct node_tunnel *tunnel);
/* All of them: a new control process has to learn it. */
void node_site_tell_all(struct node *node);
/* The same, as the files may be others. */
void node_site_reload(struct node *node);
/* BACKEND of control. */
void node_site_backend(struct node *node, const struct process_message *message);
