/*
 * Drives host/network.h and host/firewall.h: a command a line on standard input, an answer a line
 * on standard output: "ok MICROSECONDS [no-v6]" or "ERR_NAME PROBLEM".
 *
 *   host_driver STATE_DIR
 *   tun NAME                  an interface that lives as long as this process
 *   set NAME WORD…            a tunnel's network is made, or changed to this
 *     mtu=N table=N default-table=N mark=N no-routes address=PREFIX route=PREFIX
 *     many=N                  N routes 10.X.Y.0/24
 *   drop NAME
 *   filter NAME WORD…         a tunnel's part of the firewall, for the next apply
 *     address=PREFIX forward masquerade mark=N
 *   unfilter                  forgets these
 *   apply
 *   clean                     both modules
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "host/firewall.h"
#include "host/network.h"
#include "host/tun.h"

enum { TUNNELS_MAX = 8, PREFIXES_MAX = 20000, ADDRESSES_MAX = 16 };

struct tunnel {
	char name[NETWORK_NAME_SIZE];
	struct network *network;
};

struct row {
	char name[64]; /* also such as the firewall refuses */
	struct prefix addresses[ADDRESSES_MAX];
	struct firewall_tunnel firewall;
};

struct driver {
	const char *state_dir;
	struct tunnel tunnels[TUNNELS_MAX];
	struct row rows[TUNNELS_MAX];
	size_t row_count;
	struct prefix addresses[ADDRESSES_MAX], routes[PREFIXES_MAX];
	uint64_t began;
};

_Noreturn static void stop(const char *why, const char *what) {
	fprintf(stderr, "host_driver: %s: %s\n", why, what);
	exit(2);
}

static void answer(const struct driver *driver, enum err error, const char *problem, bool no_v6) {
	if (error)
		printf("%s %s\n", err_name(error), problem);
	else
		printf("ok %llu%s\n", (unsigned long long)((clock_now() - driver->began) / 1000),
			   no_v6 ? " no-v6" : "");
	(void)fflush(stdout);
}

/* The value of "key=value". */
static const char *value_of(const char *word, const char *key) {
	size_t size = strlen(key);
	return strncmp(word, key, size) == 0 && word[size] == '=' ? word + size + 1 : NULL;
}

static uint32_t number_of(const char *text) {
	return (uint32_t)strtoul(text, NULL, 0);
}

/* Host bits are kept, unlike by prefix_parse(). */
static struct prefix prefix_of(const char *text) {
	struct prefix prefix;
	char address[ADDRESS_TEXT_SIZE];
	if (prefix_parse(text, &prefix))
		stop("no prefix", text);
	(void)snprintf(address, sizeof address, "%.*s", (int)strcspn(text, "/"), text);
	if (address_parse(address, &prefix.address))
		stop("no address", text);
	return prefix;
}

static void add_many(struct prefix *routes, size_t *count, uint32_t many) {
	for (uint32_t i = 0; i < many && *count < PREFIXES_MAX; i++) {
		const uint8_t bytes[] = {10, (uint8_t)(i >> 8), (uint8_t)i, 0};
		routes[(*count)++] =
			(struct prefix){.address = address_from_bytes(ADDRESS_V4, bytes), .length = 24};
	}
}

static void read_plan_word(struct driver *driver, struct network_plan *plan, const char *word) {
	const char *value;
	if ((value = value_of(word, "mtu")))
		plan->mtu = number_of(value);
	else if ((value = value_of(word, "table")))
		plan->table = number_of(value);
	else if ((value = value_of(word, "default-table")))
		plan->default_table = number_of(value);
	else if ((value = value_of(word, "mark")))
		plan->mark = number_of(value);
	else if (strcmp(word, "no-routes") == 0)
		plan->no_routes = true;
	else if ((value = value_of(word, "address")) && plan->address_count < ADDRESSES_MAX)
		driver->addresses[plan->address_count++] = prefix_of(value);
	else if ((value = value_of(word, "route")) && plan->route_count < PREFIXES_MAX)
		driver->routes[plan->route_count++] = prefix_of(value);
	else if ((value = value_of(word, "many")))
		add_many(driver->routes, &plan->route_count, number_of(value));
	else
		stop("unknown word", word);
}

static struct tunnel *find(struct driver *driver, const char *name) {
	for (size_t i = 0; i < TUNNELS_MAX; i++)
		if (driver->tunnels[i].network && strcmp(driver->tunnels[i].name, name) == 0)
			return &driver->tunnels[i];
	return NULL;
}

static struct tunnel *find_free(struct driver *driver) {
	for (size_t i = 0; i < TUNNELS_MAX; i++)
		if (!driver->tunnels[i].network)
			return &driver->tunnels[i];
	stop("too many", "tunnels");
}

static void set(struct driver *driver, const char *name, char *rest) {
	struct network_plan plan = {.addresses = driver->addresses, .routes = driver->routes};
	(void)snprintf(plan.name, sizeof plan.name, "%s", name);
	for (const char *word; (word = strsep(&rest, " "));)
		read_plan_word(driver, &plan, word);
	char problem[NETWORK_PROBLEM_SIZE] = "";
	bool no_v6 = false;
	struct tunnel *tunnel = find(driver, name);
	enum err error;
	if (tunnel) {
		error = network_change(tunnel->network, &plan, problem);
	} else {
		tunnel = find_free(driver);
		memcpy(tunnel->name, plan.name, sizeof plan.name);
		error = network_new(&plan, driver->state_dir, &tunnel->network, &no_v6, problem);
	}
	answer(driver, error, problem, no_v6);
}

static void filter(struct driver *driver, const char *name, char *rest) {
	if (driver->row_count == TUNNELS_MAX)
		stop("too many", "rows");
	struct row *row = &driver->rows[driver->row_count++];
	*row = (struct row){.firewall = {.name = row->name, .addresses = row->addresses}};
	(void)snprintf(row->name, sizeof row->name, "%s", name);
	for (const char *word, *value; (word = strsep(&rest, " "));) {
		if (strcmp(word, "forward") == 0)
			row->firewall.forward = true;
		else if (strcmp(word, "masquerade") == 0)
			row->firewall.masquerade = true;
		else if ((value = value_of(word, "mark"))) {
			row->firewall.default_mark = true;
			row->firewall.mark = number_of(value);
		} else if ((value = value_of(word, "address")) &&
				   row->firewall.address_count < ADDRESSES_MAX)
			row->addresses[row->firewall.address_count++] = prefix_of(value);
		else
			stop("unknown word", word);
	}
	answer(driver, ERR_OK, "", false);
}

static void apply(struct driver *driver) {
	struct firewall_tunnel tunnels[TUNNELS_MAX];
	for (size_t i = 0; i < driver->row_count; i++)
		tunnels[i] = driver->rows[i].firewall;
	char problem[FIREWALL_PROBLEM_SIZE] = "";
	enum err error = firewall_apply(tunnels, driver->row_count, driver->state_dir, problem);
	answer(driver, error, problem, false);
}

static void clean(struct driver *driver) {
	char problem[FIREWALL_PROBLEM_SIZE] = "";
	enum err network = network_clean(driver->state_dir);
	enum err firewall = firewall_clean(driver->state_dir, problem);
	answer(driver, network ? network : firewall, problem, false);
}

static void make_tun(const struct driver *driver, const char *name) {
	struct tun tun;
	const struct tun_request request = {.name = name, .queues = 1};
	answer(driver, tun_open(&request, &tun), name, false);
}

static void drop(struct driver *driver, const char *name) {
	struct tunnel *tunnel = find(driver, name);
	if (!tunnel)
		stop("no such tunnel", name);
	network_free(tunnel->network);
	tunnel->network = NULL;
	answer(driver, ERR_OK, "", false);
}

static void obey(struct driver *driver, char *line) {
	char *rest = line;
	const char *command = strsep(&rest, " "), *name = rest ? strsep(&rest, " ") : "";
	driver->began = clock_now();
	if (strcmp(command, "tun") == 0)
		make_tun(driver, name);
	else if (strcmp(command, "set") == 0)
		set(driver, name, rest);
	else if (strcmp(command, "drop") == 0)
		drop(driver, name);
	else if (strcmp(command, "filter") == 0)
		filter(driver, name, rest);
	else if (strcmp(command, "unfilter") == 0) {
		driver->row_count = 0;
		answer(driver, ERR_OK, "", false);
	} else if (strcmp(command, "apply") == 0)
		apply(driver);
	else if (strcmp(command, "clean") == 0)
		clean(driver);
	else
		stop("unknown command", command);
}

int main(int count, char **arguments) {
	if (count != 2)
		stop("usage", "host_driver STATE_DIR");
	struct driver *driver = calloc(1, sizeof *driver);
	if (!driver)
		stop("no memory", "driver");
	driver->state_dir = arguments[1];
	char *line = NULL;
	size_t room = 0;
	for (ssize_t size; (size = getline(&line, &room, stdin)) > 0;) {
		if (line[size - 1] == '\n')
			line[size - 1] = '\0';
		obey(driver, line);
	}
	for (size_t i = 0; i < TUNNELS_MAX; i++)
		network_free(driver->tunnels[i].network);
	free(line);
	free(driver);
	return 0;
}
