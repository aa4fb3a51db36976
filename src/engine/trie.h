#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"

/*
 * Longest-prefix match of allowed IPs, IPv4 and IPv6, as a path-compressed binary trie with
 * persistent (path-copying) versions: one thread edits, any number of threads look up in published
 * views without locks. Nodes that an edit of this version made are changed in place, older ones are
 * copied and retired, so a first load of 130,000 prefixes copies nothing.
 */

struct trie;      /* the editor's side */
struct trie_view; /* one immutable version */

enum err trie_new(struct trie **out_trie);
/* No view of it may be in use any more. */
void trie_free(struct trie *trie);

/* value must not be NULL; it replaces the value of an equal prefix. The prefix is masked. */
enum err trie_insert(struct trie *trie, const struct prefix *prefix, void *value);
/* ERR_NOT_FOUND when no equal prefix is there. */
enum err trie_remove(struct trie *trie, const struct prefix *prefix);
/* The value of the equal prefix in the edited version, NULL when there is none. */
void *trie_find(const struct trie *trie, const struct prefix *prefix);
size_t trie_count(const struct trie *trie);
/* Nodes of the edited version and of all views, and the bytes set aside for nodes. */
size_t trie_node_count(const struct trie *trie);
size_t trie_memory(const struct trie *trie);

/*
 * Freezes the edited version as a view. Later edits leave it untouched. The view lives until
 * trie_view_release(), which must be called in the order of publication, once no thread uses it;
 * it frees the nodes that the following version replaced.
 */
enum err trie_publish(struct trie *trie, const struct trie_view **out_view);
void trie_view_release(struct trie *trie, const struct trie_view *view);

/* The value of the longest prefix that covers the 4 or 16 bytes at address; NULL when none does. */
void *trie_lookup_v4(const struct trie_view *view, const uint8_t address[static 4]);
void *trie_lookup_v6(const struct trie_view *view, const uint8_t address[static 16]);
