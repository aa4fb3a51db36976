#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/completion_words.h"
#include "cli/text_buffer.h"

static const struct command_option options[] = {
	COMMAND_SOCKET_OPTION,
	{"--json", NULL, "as JSON", false},
	{"--watch", "SECONDS", "again", true},
	{"--output", "FILE", "there", false},
	{0},
};

static const struct command peer_commands[] = {
	{"add", "add one", "", NULL, "TUNNEL [NAME]", options, NULL},
	{"show", "show one", "", NULL, "TUNNEL PEER", options, NULL},
	{"of", "of a user", "", NULL, "USER DATE|never", options, NULL},
	{0},
};

static const struct command commands[] = {
	{"up", "tunnels up", "", NULL, "TUNNEL...", options, NULL},
	{"peer", "peers", "", NULL, NULL, NULL, peer_commands},
	{"log", "level", "", NULL, "error|info|debug", options, NULL},
	{"import", "import a file", "", NULL, "FILE [up|down]", NULL, NULL},
	{"genkey", "a key", "", NULL, NULL, NULL, NULL},
	{0},
};

static void add_tunnels(void *context, const char *socket, struct text_buffer *text) {
	(void)snprintf(context, 64, "%s", socket ? socket : "");
	text_buffer_add(text, "um0\ttunnel\num1\ttunnel\nother\ttunnel\n");
}

static void add_peers(void *context, const char *socket, const char *tunnel,
					  struct text_buffer *text) {
	(void)snprintf(context, 64, "%s", tunnel);
	text_buffer_add(text, "phone\tpeer\nlaptop\tpeer\n");
}

static void add_users(void *context, const char *socket, struct text_buffer *text) {
	text_buffer_add(text, "alice\tuser\nbob\tuser, disabled\n");
}

static void test_words(void **state) {
	static const struct {
		const char *words[7]; /* the last one is to be completed */
		const char *expected; /* the words of the answer, each with ";" behind */
		const char *context;
	} rows[] = {
		{{""}, "up;peer;log;import;genkey;help;", ""},
		{{"p"}, "peer;", ""},
		{{"x"}, "", ""},
		{{"-"}, "--socket;--json;--version;--help;", ""},
		{{"--j"}, "--json;", ""},
		{{"--socket", ""}, ":files;", ""},
		{{"--socket", "/s", "u"}, "up;", ""},
		{{"--json", "lo"}, "log;", ""},
		{{"help", ""}, "up;peer;log;import;genkey;", ""},
		{{"help", "peer", ""}, "add;show;of;", ""},
		{{"help", "up", ""}, "", ""},
		{{"peer", ""}, "add;show;of;", ""},
		{{"peer", "s"}, "show;", ""},
		{{"peer", "-"}, "--help;", ""},
		{{"nothing", ""}, "", ""},
		{{"up", ""}, "um0;um1;other;", ""},
		{{"up", "um"}, "um0;um1;", ""},
		{{"up", "um0", "o"}, "other;", ""},
		{{"up", "-"}, "--socket;--json;--watch;--output;--help;", ""},
		{{"up", "--socket", ""}, ":files;", ""},
		{{"up", "--socket", "/s", ""}, "um0;um1;other;", "/s"},
		{{"--socket", "/t", "up", ""}, "um0;um1;other;", "/t"},
		{{"up", "--output", "x"}, ":files;", ""},
		{{"up", "--output=x", "um1"}, "um1;", ""},
		{{"up", "--watch", "um1"}, "um1;", ""},
		{{"up", "--", "-"}, "", ""},
		{{"peer", "show", "u"}, "um0;um1;", ""},
		{{"peer", "show", "um0", ""}, "phone;laptop;", "um0"},
		{{"peer", "show", "--json", "um1", "l"}, "laptop;", "um1"},
		{{"peer", "show", "um0", "phone", ""}, "", ""},
		{{"peer", "add", "um0", ""}, "", ""},
		{{"peer", "of", ""}, "alice;bob;", ""},
		{{"peer", "of", "bob", ""}, "never;", ""},
		{{"log", ""}, "error;info;debug;", ""},
		{{"log", "d"}, "debug;", ""},
		{{"log", "debug", ""}, "", ""},
		{{"import", ""}, ":files;", ""},
		{{"import", "x", ""}, "up;down;", ""},
		{{"genkey", ""}, "", ""},
		{{"genkey", "-"}, "--help;", ""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char context[64] = "", words[256] = "";
		const struct completion_source source = {context, add_tunnels, add_peers, add_users};
		struct text_buffer text = {0};
		int count = 0;
		while (rows[i].words[count])
			count++;
		completion_words_add(commands, count, rows[i].words, &source, &text);
		for (char *line = text.text ? strtok(text.text, "\n") : NULL; line;
			 line = strtok(NULL, "\n")) {
			line[strcspn(line, "\t")] = '\0';
			strcat(words, line);
			strcat(words, ";");
		}
		assert_string_equal(words, rows[i].expected);
		assert_string_equal(context, rows[i].context);
		text_buffer_done(&text);
	}
}

static void test_descriptions(void **state) {
	static const char *const words[] = {"l"};
	const struct completion_source source = {NULL, add_tunnels, add_peers, add_users};
	struct text_buffer text = {0};
	completion_words_add(commands, 1, words, &source, &text);
	assert_string_equal(text.text, "log\tlevel\n");
	text_buffer_done(&text);
	completion_words_add(commands, 0, words, &source, &text);
	assert_null(text.text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_descriptions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
