#include "host/resolv_conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char mark[] =
	"# Written by umbrad while tunnels with dns are up; what was here before";

enum { WORD_MAX = 128 };

struct words {
	const char *at, *end; /* of one line */
};

static bool is_blank(char character) {
	return character == ' ' || character == '\t' || character == '\r';
}

/* The next word with its NUL; one that is too long, or has a NUL inside, ends the line. */
static bool next_word(struct words *words, char word[static WORD_MAX]) {
	while (words->at < words->end && is_blank(*words->at))
		words->at++;
	size_t size = 0;
	for (; words->at < words->end && !is_blank(*words->at); words->at++) {
		if (size == WORD_MAX - 1 || *words->at == '\0')
			return false;
		word[size++] = *words->at;
	}
	word[size] = '\0';
	return size > 0;
}

static void take_server(struct resolv_conf *file, const char *word) {
	struct endpoint server = {.port = RESOLV_CONF_PORT};
	if (file->server_count == RESOLV_CONF_SERVERS_MAX)
		return;
	if (strchr(word, '%')) {
		char text[WORD_MAX + 8];
		(void)snprintf(text, sizeof text, "[%s]:%d", word, RESOLV_CONF_PORT);
		if (endpoint_parse(text, &server))
			return;
	} else if (address_parse(word, &server.address)) {
		return;
	}
	file->servers[file->server_count++] = server;
}

static bool is_option(const char *word) {
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-";
	return strspn(word, allowed) == strlen(word) && strcmp(word, "trust-ad") != 0;
}

static void take_option(struct resolv_conf *file, const char *word) {
	size_t used = strlen(file->options), size = strlen(word);
	if (!is_option(word) || used + size + 2 > sizeof file->options)
		return;
	(void)snprintf(file->options + used, sizeof file->options - used, "%s%s", used > 0 ? " " : "",
				   word);
}

static void take_line(struct resolv_conf *file, struct words words) {
	char word[WORD_MAX];
	if (!next_word(&words, word))
		return;
	if (strcmp(word, "nameserver") == 0) {
		if (next_word(&words, word))
			take_server(file, word);
	} else if (strcmp(word, "options") == 0) {
		while (next_word(&words, word))
			take_option(file, word);
	}
}

void resolv_conf_parse(const char *text, size_t size, struct resolv_conf *out_file) {
	struct resolv_conf file = {.server_count = 0};
	const char *end = text + size;
	for (const char *at = text; at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *line_end = newline ? newline : end;
		take_line(&file, (struct words){at, line_end});
		at = newline ? newline + 1 : end;
	}
	*out_file = file;
}

enum err resolv_conf_format(const struct resolv_conf_wish *wish, char **out_text,
							size_t *out_size) {
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	if (!stream)
		return ERR_NO_MEMORY;
	(void)fprintf(stream, "%s\n# is put back then. Changes of this file are lost.\n", mark);
	for (size_t i = 0; i < wish->server_count; i++) {
		char address[ADDRESS_TEXT_SIZE];
		address_format(&wish->servers[i], address);
		(void)fprintf(stream, "nameserver %s\n", address);
	}
	for (size_t i = 0; i < wish->search_count; i++)
		(void)fprintf(stream, "%s %s", i == 0 ? "search" : "", wish->search[i]);
	if (wish->search_count > 0)
		(void)fputs("\n", stream);
	if (wish->options[0])
		(void)fprintf(stream, "options %s\n", wish->options);
	bool failed = ferror(stream);
	failed |= fclose(stream) != 0;
	if (failed) {
		free(text);
		return ERR_NO_MEMORY;
	}
	*out_text = text;
	*out_size = size;
	return ERR_OK;
}

bool resolv_conf_is_ours(const char *text, size_t size) {
	return size >= sizeof mark - 1 && memcmp(text, mark, sizeof mark - 1) == 0;
}
