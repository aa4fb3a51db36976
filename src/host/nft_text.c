#include "host/nft_text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum err nft_text_begin(struct nft_text *text) {
	*text = (struct nft_text){.stream = NULL};
	text->stream = open_memstream(&text->data, &text->size);
	if (!text->stream)
		return ERR_NO_MEMORY;
	(void)fputs("{\"nftables\":[", text->stream);
	return ERR_OK;
}

void nft_text_put(struct nft_text *text, const char *format, ...) {
	char piece[NFT_TEXT_COMMAND_SIZE];
	va_list arguments;
	va_start(arguments, format);
	int size = vsnprintf(piece, sizeof piece, format, arguments);
	va_end(arguments);
	if (size < 0 || size >= (int)sizeof piece) {
		text->failed = true;
		return;
	}
	for (char *at = piece; (at = strchr(at, '\''));)
		*at = '"';
	(void)fputs(piece, text->stream);
}

void nft_text_put_table(struct nft_text *text, const char *table, bool anew) {
	/* Adding it first makes that there is one to delete. */
	nft_text_put(text,
				 "\n{'add':{'table':{'family':'inet','name':'%s'}}},\n"
				 "{'delete':{'table':{'family':'inet','name':'%s'}}}",
				 table, table);
	if (anew)
		nft_text_put(text, ",\n{'add':{'table':{'family':'inet','name':'%s'}}}", table);
}

void nft_text_put_chain(struct nft_text *text, const char *table, const char *name,
						const char *type, const char *hook, int priority) {
	nft_text_put(text,
				 ",\n{'add':{'chain':{'family':'inet','table':'%s','name':'%s','type':'%s',"
				 "'hook':'%s','prio':%d,'policy':'accept'}}}",
				 table, name, type, hook, priority);
}

enum err nft_text_end(struct nft_text *text, char **out_text, size_t *out_size) {
	(void)fputs("\n]}\n", text->stream);
	bool failed = ferror(text->stream);
	failed |= fclose(text->stream) != 0;
	text->stream = NULL;
	enum err error = ERR_OK;
	if (failed)
		error = ERR_NO_MEMORY;
	else if (text->failed || text->size > NFT_TEXT_MAX)
		error = ERR_LIMIT;
	if (error) {
		free(text->data);
		return error;
	}
	*out_text = text->data;
	*out_size = text->size;
	return ERR_OK;
}

void nft_text_abandon(struct nft_text *text) {
	if (text->stream)
		(void)fclose(text->stream);
	free(text->data);
	*text = (struct nft_text){.stream = NULL};
}

bool nft_text_is_name(const char *name) {
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
								  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t size = strlen(name);
	return size > 0 && size <= NFT_TEXT_NAME_MAX && strspn(name, allowed) == size;
}
