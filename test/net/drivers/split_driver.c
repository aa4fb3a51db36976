/*
 * Drives host/split.h and host/split_rules.h: a command a line on standard input, an answer a line
 * on standard output: "ok MICROSECONDS" or "ERR_NAME PROBLEM".
 *
 *   tunnel NAME SLOT WORD…    a row of the next apply; its table is 1000 and the slot
 *     address=PREFIX inside=MARK (include) exclude
 *   apply [OUTSIDE]           rows so far; forgets them
 *   add SLOT include|exclude TTL ADDRESS…
 *   clean
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "host/split.h"
#include "host/split_rules.h"

enum { TUNNELS_MAX = 4, ADDRESSES_MAX = 4, TABLE_BASE = 1000 };

struct driver {
	struct split split;
	struct split_tunnel tunnels[TUNNELS_MAX];
	char names[TUNNELS_MAX][NETWORK_NAME_SIZE];
	struct prefix addresses[TUNNELS_MAX][ADDRESSES_MAX];
	size_t count;
};

_Noreturn static void stop(const char *what) {
	(void)fprintf(stderr, "split_driver: %s\n", what);
	exit(2);
}

static uint32_t number_of(const char *text) {
	return text ? (uint32_t)strtoul(text, NULL, 0) : 0;
}

static void read_tunnel(struct driver *driver, char *rest) {
	if (driver->count == TUNNELS_MAX)
		stop("too many tunnels");
	size_t at = driver->count++;
	struct split_tunnel *tunnel = &driver->tunnels[at];
	(void)snprintf(driver->names[at], NETWORK_NAME_SIZE, "%s", strsep(&rest, " "));
	*tunnel = (struct split_tunnel){.name = driver->names[at], .addresses = driver->addresses[at]};
	tunnel->slot = (uint16_t)number_of(strsep(&rest, " "));
	for (char *word; (word = strsep(&rest, " "));) {
		struct prefix *prefix = &driver->addresses[at][tunnel->address_count];
		if (strncmp(word, "address=", 8) == 0 && tunnel->address_count < ADDRESSES_MAX &&
			prefix_parse(word + 8, prefix) == ERR_OK)
			tunnel->address_count++;
		else if (strncmp(word, "inside=", 7) == 0)
			tunnel->inside = number_of(word + 7);
		else if (strcmp(word, "exclude") == 0)
			tunnel->exclude = true;
		else
			stop(word);
	}
	tunnel->include = tunnel->inside != 0;
}

static enum err apply(struct driver *driver, uint32_t outside, char *problem) {
	const struct split_request request = {driver->tunnels, driver->count, outside, false};
	struct split_rules_request rules = {.outside = outside};
	for (size_t i = 0; i < driver->count; i++)
		if (driver->tunnels[i].include)
			rules.inside[rules.inside_count++] = (struct split_rules_inside){
				.name = driver->names[i],
				.mark = driver->tunnels[i].inside,
				.table = TABLE_BASE + driver->tunnels[i].slot,
			};
	driver->count = 0;
	enum err error = split_apply(&driver->split, &request, problem);
	return error ? error : split_rules_apply(&rules, problem);
}

static enum err add(struct driver *driver, char *rest) {
	struct address addresses[SPLIT_ADD_MAX];
	size_t count = 0;
	uint16_t slot = (uint16_t)number_of(strsep(&rest, " "));
	const char *kind = strsep(&rest, " ");
	uint32_t ttl = number_of(strsep(&rest, " "));
	for (char *word; count < SPLIT_ADD_MAX && (word = strsep(&rest, " "));)
		if (address_parse(word, &addresses[count++]))
			stop(word);
	return split_add(&driver->split, slot,
					 strcmp(kind, "include") == 0 ? SPLIT_INCLUDE : SPLIT_EXCLUDE, addresses, count,
					 ttl);
}

static enum err clean(void) {
	enum err error = split_rules_clean();
	return error ? error : split_clean();
}

static void obey(struct driver *driver, char *line) {
	char *rest = line;
	char problem[SPLIT_PROBLEM_SIZE] = "";
	const char *command = strsep(&rest, " ");
	uint64_t began = clock_now();
	enum err error = ERR_OK;
	if (strcmp(command, "tunnel") == 0)
		read_tunnel(driver, rest);
	else if (strcmp(command, "apply") == 0)
		error = apply(driver, number_of(rest), problem);
	else if (strcmp(command, "add") == 0)
		error = add(driver, rest);
	else if (strcmp(command, "clean") == 0)
		error = clean();
	else
		stop(command);
	if (error)
		printf("%s %s\n", err_name(error), problem);
	else
		printf("ok %llu\n", (unsigned long long)((clock_now() - began) / 1000));
	(void)fflush(stdout);
}

int main(void) {
	struct driver driver = {.count = 0};
	char *line = NULL;
	size_t room = 0;
	for (ssize_t size; (size = getline(&line, &room, stdin)) > 0;) {
		if (line[size - 1] == '\n')
			line[size - 1] = '\0';
		obey(&driver, line);
	}
	split_done(&driver.split);
	free(line);
	return 0;
}
