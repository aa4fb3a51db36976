#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/examples.h"
#include "ctl/metrics.h"

/* A reader of the format that is as strict as promtool. */

enum { FAMILIES_MAX = 128, SERIES_MAX = 4096, LINE_MAX_SIZE = 1024 };

struct family {
	char name[128], type[16];
	bool has_help, has_type;
	size_t samples;
};

struct reading {
	struct family families[FAMILIES_MAX];
	size_t family_count;
	char *series[SERIES_MAX];
	size_t series_count;
};

static struct family *find(struct reading *reading, const char *name) {
	for (size_t i = 0; i < reading->family_count; i++)
		if (strcmp(reading->families[i].name, name) == 0)
			return &reading->families[i];
	return NULL;
}

static size_t name_size(const char *text, bool colons) {
	size_t size = 0;
	while (isalpha((unsigned char)text[size]) || text[size] == '_' ||
		   (colons && text[size] == ':') || (size > 0 && isdigit((unsigned char)text[size])))
		size++;
	return size;
}

/* "HELP name text" or "TYPE name word": a family's two lines stand in front of its samples. */
static void read_comment(struct reading *reading, const char *line) {
	char name[128], rest[LINE_MAX_SIZE];
	assert_int_equal(sscanf(line + 7, "%127s %1023[^\n]", name, rest), 2);
	assert_int_equal(name_size(name, true), strlen(name));
	struct family *family = find(reading, name);
	if (strncmp(line, "# HELP ", 7) == 0) {
		assert_null(family);
		assert_true(reading->family_count < FAMILIES_MAX);
		family = &reading->families[reading->family_count++];
		(void)snprintf(family->name, sizeof family->name, "%s", name);
		family->has_help = true;
		return;
	}
	assert_int_equal(strncmp(line, "# TYPE ", 7), 0);
	assert_non_null(family);
	assert_false(family->has_type);
	assert_int_equal(family->samples, 0);
	family->has_type = true;
	(void)snprintf(family->type, sizeof family->type, "%.15s", rest);
	bool counter = strcmp(rest, "counter") == 0;
	assert_true(counter || strcmp(rest, "gauge") == 0);
	size_t size = strlen(name);
	assert_int_equal(counter, size > 6 && strcmp(name + size - 6, "_total") == 0);
}

/* Behind the opening brace; returns what follows the closing one. */
static const char *read_labels(const char *text) {
	for (;;) {
		size_t size = name_size(text, false);
		assert_true(size > 0 && text[size] == '=' && text[size + 1] == '"');
		text += size + 2;
		for (; *text != '"'; text++) {
			assert_true(*text != '\0');
			if (*text == '\\') {
				text++;
				assert_true(*text == '\\' || *text == '"' || *text == 'n');
			}
		}
		text++;
		if (*text == '}')
			return text + 1;
		assert_int_equal(*text++, ',');
	}
}

static void read_sample(struct reading *reading, const char *line) {
	char name[128];
	size_t size = name_size(line, true);
	assert_true(size > 0 && size < sizeof name);
	memcpy(name, line, size);
	name[size] = '\0';
	struct family *family = find(reading, name);
	assert_non_null(family);
	assert_true(family->has_type);
	/* All of a family stand together. */
	assert_ptr_equal(family, &reading->families[reading->family_count - 1]);
	family->samples++;
	const char *rest = line[size] == '{' ? read_labels(line + size + 1) : line + size;
	assert_true(reading->series_count < SERIES_MAX);
	char *series = strndup(line, (size_t)(rest - line));
	for (size_t i = 0; i < reading->series_count; i++)
		assert_string_not_equal(reading->series[i], series);
	reading->series[reading->series_count++] = series;
	assert_int_equal(*rest++, ' ');
	assert_true(*rest != '\0' && strspn(rest, "0123456789") == strlen(rest));
}

static void read_text(const char *text, size_t size, struct reading *reading) {
	memset(reading, 0, sizeof *reading);
	assert_true(size > 0 && text[size - 1] == '\n' && strlen(text) == size);
	char line[LINE_MAX_SIZE];
	for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
		size_t length = (size_t)(end - text);
		assert_true(length > 0 && length < sizeof line);
		memcpy(line, text, length);
		line[length] = '\0';
		if (line[0] == '#')
			read_comment(reading, line);
		else
			read_sample(reading, line);
	}
	for (size_t i = 0; i < reading->family_count; i++)
		assert_true(reading->families[i].has_type);
}

static void reading_done(struct reading *reading) {
	for (size_t i = 0; i < reading->series_count; i++)
		free(reading->series[i]);
}

static struct reading reading; /* large */

#define OF_PEER_0                                                            \
	"umbra_peer_sent_bytes_total{tunnel=\"um0\",peer=\"peer-0\",public_key=" \
	"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",origin=\"file\"}"

#define PATH_OF_PEER_0                                                     \
	"umbra_peer_path_mtu_bytes{tunnel=\"um0\",peer=\"peer-0\",public_key=" \
	"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",origin=\"file\"}"

#define ROUND_TRIP_OF_PEER_0                                                        \
	"umbra_peer_round_trip_microseconds{tunnel=\"um0\",peer=\"peer-0\",public_key=" \
	"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",origin=\"file\"}"

static void it_is_well_formed(void **state) {
	struct view_status status = example_status();
	char *text = NULL;
	size_t size = 0;
	assert_int_equal(metrics_encode(&status, &text, &size), ERR_OK);
	read_text(text, size, &reading);
	/* Every family has samples, as the example has all there is. */
	for (size_t i = 0; i < reading.family_count; i++)
		if (reading.families[i].samples == 0)
			fail_msg("%s has no sample", reading.families[i].name);
	static const char *const lines[] = {
		"umbra_info{version=\"0.1.0\",node=\"gw1\"} 1\n",
		"umbra_process_start_time_seconds 1700000000\n",
		"umbra_net_restarts_total 2\n",
		"umbra_dns_questions_total{upstream=\"system\"} 101\n",
		"umbra_dns_answers_total{upstream=\"system\"} 102\n",
		"umbra_dns_failures_total{upstream=\"tunnel\"} 106\n",
		"umbra_dns_refused_total 107\n",
		"umbra_dns_strange_total 108\n",
		"umbra_tunnel_info{tunnel=\"um0\",protocol=\"toy\",aead=\"ipsec-mb\"} 1\n",
		"umbra_tunnel_info{tunnel=\"um1\",protocol=\"toy\",aead=\"\"} 1\n",
		"umbra_tunnel_state{tunnel=\"um0\",state=\"up\"} 1\n",
		"umbra_tunnel_state{tunnel=\"um0\",state=\"down\"} 0\n",
		"umbra_tunnel_state{tunnel=\"um1\",state=\"down\"} 1\n",
		"umbra_tunnel_peers{tunnel=\"um0\"} 5\n",
		"umbra_tunnel_peers_connected{tunnel=\"um0\"} 2\n",
		"umbra_peers_omitted{tunnel=\"um0\"} 3\n",
		"umbra_tunnel_received_bytes_total{tunnel=\"um0\"} 100\n",
		OF_PEER_0 " 12\n",
		PATH_OF_PEER_0 " 1288\n",
		"umbra_shard_turns_total{tunnel=\"um0\",shard=\"1\"} 102\n",
		"umbra_shard_peers{tunnel=\"um0\",shard=\"0\"} 36\n",
		"umbra_dropped_total{tunnel=\"um0\",shard=\"0\",reason=\"socket\"} 17\n",
		"umbra_offload{tunnel=\"um0\",shard=\"1\",offload=\"tun_udp\"} 0\n",
		"umbra_offload{tunnel=\"um0\",shard=\"0\",offload=\"tun_udp\"} 1\n",
		"umbra_tun_queue_dropped_total{tunnel=\"um0\"} 9\n",
		ROUND_TRIP_OF_PEER_0 " 300\n",
		"umbra_streams_connections{tunnel=\"um0\"} 500\n",
		"umbra_streams_packets_dropped_total{tunnel=\"um0\"} 513\n",
	};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		if (!strstr(text, lines[i]))
			fail_msg("not in the text: %s", lines[i]);
	reading_done(&reading);
	free(text);
	view_status_done(&status);
}

static void labels_are_escaped(void **state) {
	struct view_status status = example_status();
	free(status.node);
	status.node = example_text("a \"b\" \\ c\nd");
	char *text = NULL;
	size_t size = 0;
	assert_int_equal(metrics_encode(&status, &text, &size), ERR_OK);
	read_text(text, size, &reading);
	assert_non_null(strstr(text, "node=\"a \\\"b\\\" \\\\ c\\nd\"}"));
	reading_done(&reading);
	free(text);
	view_status_done(&status);
}

/* Names may be the same (keys that begin alike name peers that were made by wg), series may not. */
static void peers_of_one_name_are_two(void **state) {
	struct view_status status = example_status();
	struct view_peer *peers = status.tunnels[0].peers;
	free(peers[1].name);
	peers[1].name = example_text(peers[0].name);
	char *text = NULL;
	size_t size = 0;
	assert_int_equal(metrics_encode(&status, &text, &size), ERR_OK);
	read_text(text, size, &reading);
	reading_done(&reading);
	free(text);
	view_status_done(&status);
}

static size_t count(const char *text, const char *word) {
	size_t number = 0;
	for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
		number++;
	return number;
}

static void peers_are_limited(void **state) {
	struct view_status status = example_status();
	view_tunnel_done(&status.tunnels[0]);
	status.tunnels[0] = example_tunnel("um0", METRICS_PEERS_MAX + 5);
	char *text = NULL;
	size_t size = 0;
	assert_int_equal(metrics_encode(&status, &text, &size), ERR_OK);
	assert_int_equal(count(text, "\numbra_peer_sent_bytes_total{"), METRICS_PEERS_MAX);
	assert_non_null(strstr(text, "umbra_peers_omitted{tunnel=\"um0\"} 8\n"));
	free(text);
	view_status_done(&status);
}

static void every_figure_is_told_once(void **state) {
	struct view_status status = example_status();
	char *text = NULL;
	size_t size = 0;
	assert_int_equal(metrics_encode(&status, &text, &size), ERR_OK);
	for (enum figure i = 0; i < FIGURE_COUNT; i++) {
		char line[128];
		(void)snprintf(line, sizeof line, "\numbra_shard_%s%s{tunnel=\"um0\",shard=\"0\"",
					   figure_name(i), figure_kind(i) == FIGURE_COUNTER ? "_total" : "");
		size_t told = count(text, line);
		for (const struct figure_drop *row = figure_drops; row->name; row++)
			told += row->figure == i;
		for (const struct figure_offload *row = figure_offloads; row->name; row++)
			told += row->figure == i;
		if (told != 1)
			fail_msg("%s is told %zu times", figure_name(i), told);
	}
	free(text);
	view_status_done(&status);
}

/* The table of doc/metrics.md */

struct page {
	char *text;
	size_t families;
};

static void expect_row(void *context, const struct metrics_family *family) {
	struct page *page = context;
	char row[512];
	(void)snprintf(row, sizeof row, "\n| `%s` | %s | ", family->name, family->type);
	const char *found = strstr(page->text, row);
	if (!found || !strstr(found, family->help) ||
		strstr(found, family->help) > strchr(found + 1, '\n'))
		fail_msg("doc/metrics.md: wants the row | `%s` | %s | (labels) | %s |", family->name,
				 family->type, family->help);
	page->families++;
}

static char *read_page(const char *path) {
	enum { ROOM = 1 << 16 };
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	char *text = calloc(1, ROOM);
	assert_non_null(text);
	size_t size = fread(text, 1, ROOM - 1, file);
	assert_true(size > 0 && size < ROOM - 1);
	(void)fclose(file);
	return text;
}

static void the_api_has_all_figures(void **state) {
	char *text = read_page(UMBRA_SOURCE "/doc/api.md");
	for (enum figure i = 0; i < FIGURE_COUNT; i++) {
		char name[64];
		(void)snprintf(name, sizeof name, "`%s`", figure_name(i));
		if (!strstr(text, name))
			fail_msg("doc/api.md: the figure %s", name);
	}
	free(text);
}

static void the_page_has_all_families(void **state) {
	struct page page = {.text = read_page(UMBRA_SOURCE "/doc/metrics.md")};
	metrics_each(expect_row, &page);
	assert_int_equal(count(page.text, "\n| `umbra_"), page.families);
	/* The reasons and offloads, too. */
	for (const struct figure_drop *drop = figure_drops; drop->name; drop++) {
		char row[64];
		(void)snprintf(row, sizeof row, "\n| `%s` |", drop->name);
		if (!strstr(page.text, row))
			fail_msg("doc/metrics.md: the reason %s", drop->name);
	}
	for (const struct figure_offload *offload = figure_offloads; offload->name; offload++) {
		char row[64];
		(void)snprintf(row, sizeof row, "\n| `%s` |", offload->name);
		if (!strstr(page.text, row))
			fail_msg("doc/metrics.md: the offload %s", offload->name);
	}
	free(page.text);
}

static void an_empty_daemon_has_metrics(void **state) {
	const struct view_status status = {.api = 1};
	char *text = NULL;
	size_t size = 0;
	assert_int_equal(metrics_encode(&status, &text, &size), ERR_OK);
	read_text(text, size, &reading);
	assert_non_null(strstr(text, "umbra_info{version=\"\",node=\"\"} 1\n"));
	reading_done(&reading);
	free(text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_well_formed),         cmocka_unit_test(labels_are_escaped),
		cmocka_unit_test(peers_of_one_name_are_two), cmocka_unit_test(peers_are_limited),
		cmocka_unit_test(every_figure_is_told_once), cmocka_unit_test(the_page_has_all_families),
		cmocka_unit_test(the_api_has_all_figures),   cmocka_unit_test(an_empty_daemon_has_metrics),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
