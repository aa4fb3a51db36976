#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

/*
 * Rules as nft's JSON, see libnftables-json(5): pieces of templates, and what puts them together.
 *
 * Names are checked and addresses are texts of our own making, so nothing needs quoting; and as
 * neither has apostrophes, the templates have them in the place of quotation marks.
 */

enum {
	NFT_TEXT_NAME_MAX = 15,       /* characters of an interface's name */
	NFT_TEXT_COMMAND_SIZE = 1024, /* bytes of what one call adds */
	NFT_TEXT_MAX = 1 << 20,       /* bytes of one transaction */
};

#define NFT_MATCH(operator, left, right) \
	"{'match':{'op':'" operator"','left':" left ",'right':" right "}}"
#define NFT_META(key) "{'meta':{'key':'" key "'}}"
#define NFT_PAYLOAD(protocol, field) "{'payload':{'protocol':'" protocol "','field':'" field "'}}"
#define NFT_DROP "{'drop':null}"
#define NFT_ACCEPT "{'accept':null}"

/* A transaction that is being written. Errors stick. */
struct nft_text {
	FILE *stream;
	char *data;
	size_t size;
	bool failed; /* a command was too long */
};

/* ERR_NO_MEMORY. */
enum err nft_text_begin(struct nft_text *text);

/* Adds a piece; apostrophes become quotation marks, those of arguments too. */
void nft_text_put(struct nft_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * The first command: the table ("inet", of this name) is deleted if it is there, and made anew
 * unless nothing follows.
 */
void nft_text_put_table(struct nft_text *text, const char *table, bool anew);
/* A base chain that accepts what none of its rules decides. */
void nft_text_put_chain(struct nft_text *text, const char *table, const char *name,
						const char *type, const char *hook, int priority);
/* Between chain and rule: expressions with a comma between each two. */
#define nft_text_put_rule(text, table, chain, expressions, ...)                                 \
	nft_text_put(text, ",\n{'add':{'rule':{'family':'inet','table':'" table "','chain':'" chain \
					   "','expr':[" expressions "]}}}" __VA_OPT__(, ) __VA_ARGS__)

/* *out_text is the caller's (free). ERR_NO_MEMORY, ERR_LIMIT. The text is done in any case. */
enum err nft_text_end(struct nft_text *text, char **out_text, size_t *out_size);
/* Throws it away. */
void nft_text_abandon(struct nft_text *text);

/* Up to 15 letters, digits, '_', '.' and '-', at least one. */
bool nft_text_is_name(const char *name);
