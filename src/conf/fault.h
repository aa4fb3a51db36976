#pragma once

#include <stddef.h>

#include "conf/config.h"

/*
 * What is wrong with a configuration, in lines for a person. Values are repeated only when they
 * are short and cannot be keys; nothing that moves a terminal's cursor gets through.
 */

struct tree_file;
struct tree_node;

/* At the node, or at a key below it that is missing (NULL: at the node itself). */
void fault_add(struct config_errors *errors, const struct tree_node *node, const char *key,
			   const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Where there is no node. line 0: of the file as a whole. */
void fault_at(struct config_errors *errors, const char *file, unsigned line, const char *format,
			  ...) __attribute__((format(printf, 4, 5)));
/* Of an override: "--set PATH: ...". */
void fault_override(struct config_errors *errors, const char *path, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

enum { FAULT_SHOWN_SIZE = 128, FAULT_PLACE_SIZE = 192 };

/* "\"text\"", or "the value" when it had better not be repeated. */
const char *fault_shown(const char *text, char shown[static FAULT_SHOWN_SIZE]);

/* "umbra.yaml:12" or "--set": where a node stands, for messages about another one. */
const char *fault_place(const struct tree_node *node, char place[static FAULT_PLACE_SIZE]);

/* The path, or "the file" when the text that the configuration has for it looks like a key. */
const char *fault_path(const char *text, const char *path);
