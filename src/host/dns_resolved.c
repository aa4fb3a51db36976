#include "host/dns_resolved.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <systemd/sd-bus.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "host/dns_kept.h"
#include "host/resolv_conf.h"

#define SERVICE "org.freedesktop.resolve1"
#define OBJECT "/org/freedesktop/resolve1"
#define MANAGER "org.freedesktop.resolve1.Manager"

struct link {
	char name[IFNAMSIZ];
	int index;
};

struct dns_resolved {
	char file[PATH_MAX];
	struct link links[DNS_TUNNELS_MAX]; /* that were told to it */
	size_t count;
};

/* One connection, for one turn. */
struct turn {
	sd_bus *bus;
	uint64_t until;
	char *problem; /* DNS_PROBLEM_SIZE */
};

enum err dns_resolved_new(const char *file, struct dns_resolved **out_context) {
	struct dns_resolved *context = calloc(1, sizeof *context);
	if (!context)
		return ERR_NO_MEMORY;
	if (snprintf(context->file, sizeof context->file, "%s", file) >= (int)sizeof context->file) {
		free(context);
		return ERR_INVALID;
	}
	*out_context = context;
	return ERR_OK;
}

void dns_resolved_free(struct dns_resolved *context) {
	free(context);
}

static enum err explain(struct turn *turn, const char *what, int number, const char *said) {
	(void)snprintf(turn->problem, DNS_PROBLEM_SIZE, "systemd-resolved: %s: %.180s", what,
				   said ? said : strerror(number));
	return number == ETIMEDOUT ? ERR_EXPIRED : err_from_errno(number);
}

/* The connection */

static uint64_t left(const struct turn *turn) {
	uint64_t now = clock_now();
	return now < turn->until ? (turn->until - now) / CLOCK_MICROSECOND + 1 : 0;
}

static void close_turn(struct turn *turn) {
	turn->bus = sd_bus_close_unref(turn->bus);
}

/* sd_bus_call() would wait for the greeting of the bus without an end. */
static int wait_until_ready(struct turn *turn) {
	for (;;) {
		int result = sd_bus_is_ready(turn->bus);
		if (result != 0)
			return result;
		result = sd_bus_process(turn->bus, NULL);
		if (result < 0)
			return result;
		if (result > 0)
			continue;
		uint64_t wait = left(turn);
		if (wait == 0)
			return -ETIMEDOUT;
		result = sd_bus_wait(turn->bus, wait);
		if (result < 0 && result != -EINTR)
			return result;
	}
}

static enum err open_turn(struct turn *turn) {
	turn->until = clock_now() + DNS_RESOLVED_TIMEOUT * CLOCK_SECOND;
	int result = sd_bus_open_system(&turn->bus);
	/* For calls that the library makes by itself. */
	if (result >= 0)
		result =
			sd_bus_set_method_call_timeout(turn->bus, DNS_RESOLVED_TIMEOUT * UINT64_C(1000000));
	if (result >= 0)
		result = wait_until_ready(turn);
	if (result >= 0)
		return ERR_OK;
	close_turn(turn);
	return explain(turn, "the system's D-Bus", -result, NULL);
}

/* Takes the message. */
static int call(struct turn *turn, sd_bus_message *message, sd_bus_error *failure) {
	uint64_t wait = left(turn);
	int result = wait > 0 ? sd_bus_call(turn->bus, message, wait, failure, NULL) : -ETIMEDOUT;
	(void)sd_bus_message_unref(message);
	return result;
}

static enum err judge(struct turn *turn, const char *method, int result, sd_bus_error *failure) {
	enum err error = ERR_OK;
	if (result < 0)
		error = explain(turn, method, -result, failure->message);
	sd_bus_error_free(failure);
	return error;
}

/* Whether it is there */

/* Whether its own address, 127.0.0.53, is open in this network namespace. */
static bool listens_here(void) {
	char wanted[24], line[160];
	bool found = false;
	FILE *stream = fopen("/proc/thread-self/net/udp", "re");
	(void)snprintf(wanted, sizeof wanted, ": %08X:0035 ", htonl(0x7f000035));
	while (stream && !found && fgets(line, sizeof line, stream))
		found = strstr(line, wanted) != NULL;
	if (stream)
		(void)fclose(stream);
	return found;
}

/*
 * Its links are those of its network namespace, and numbers mean others elsewhere. Looking at
 * another account's process takes CAP_SYS_PTRACE, which this process may have given up.
 */
static bool is_of_this_network(struct turn *turn) {
	sd_bus_creds *owner = NULL;
	pid_t pid = 0;
	struct stat theirs, ours;
	char path[64];
	int result = sd_bus_get_name_creds(turn->bus, SERVICE, SD_BUS_CREDS_PID, &owner);
	if (result >= 0)
		result = sd_bus_creds_get_pid(owner, &pid);
	(void)sd_bus_creds_unref(owner);
	(void)snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
	if (result < 0 || stat("/proc/thread-self/ns/net", &ours))
		return false;
	if (stat(path, &theirs))
		return listens_here();
	return theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

/* A link to a file of resolved, or its own address (127.0.0.53, 127.0.0.54) in any file. */
static bool leads_to_it(const char *file) {
	auto_free char *real = realpath(file, NULL);
	if (real && (strncmp(real, "/run/systemd/resolve/", 21) == 0 ||
				 strcmp(real, "/usr/lib/systemd/resolv.conf") == 0))
		return true;
	struct dns_kept now;
	if (dns_kept_read(file, &now))
		return false;
	struct resolv_conf content = {.server_count = 0};
	if (now.text)
		resolv_conf_parse(now.text, now.size, &content);
	dns_kept_done(&now);
	const uint8_t *bytes = content.servers[0].address.bytes;
	return content.server_count > 0 && content.servers[0].address.family == ADDRESS_V4 &&
		   bytes[0] == 127 && bytes[1] == 0 && bytes[2] == 0 && (bytes[3] == 53 || bytes[3] == 54);
}

static enum err look(struct turn *turn) {
	int owned = 0;
	sd_bus_error failure = SD_BUS_ERROR_NULL;
	sd_bus_message *message = NULL, *answer = NULL;
	/* Asked for by its name, so that it is not started by asking. */
	int result = sd_bus_message_new_method_call(turn->bus, &message, "org.freedesktop.DBus",
												"/org/freedesktop/DBus", "org.freedesktop.DBus",
												"NameHasOwner");
	if (result >= 0)
		result = sd_bus_message_append(message, "s", SERVICE);
	if (result >= 0)
		result = sd_bus_call(turn->bus, message, left(turn) + 1, &failure, &answer);
	if (result >= 0)
		result = sd_bus_message_read(answer, "b", &owned);
	(void)sd_bus_message_unref(message);
	(void)sd_bus_message_unref(answer);
	enum err error = judge(turn, "NameHasOwner", result, &failure);
	if (error)
		return error;
	if (owned && is_of_this_network(turn))
		return ERR_OK;
	return explain(turn, "it is not here", ENOENT,
				   owned ? "it serves another network namespace" : "it does not run");
}

static bool is_here(void *pointer) {
	const struct dns_resolved *context = pointer;
	char problem[DNS_PROBLEM_SIZE];
	struct turn turn = {.problem = problem};
	if (!leads_to_it(context->file) || open_turn(&turn))
		return false;
	bool here = look(&turn) == ERR_OK;
	close_turn(&turn);
	return here;
}

/* Calls */

/* The beginning of each call about a link; NULL and *result below 0 without memory. */
static sd_bus_message *begin(struct turn *turn, const char *method, int index, int *result) {
	sd_bus_message *message = NULL;
	*result = sd_bus_message_new_method_call(turn->bus, &message, SERVICE, OBJECT, MANAGER, method);
	if (*result >= 0)
		*result = sd_bus_message_set_auto_start(message, false);
	if (*result >= 0)
		*result = sd_bus_message_append(message, "i", index);
	return message;
}

static enum err end(struct turn *turn, sd_bus_message *message, const char *method, int result) {
	sd_bus_error failure = SD_BUS_ERROR_NULL;
	if (result >= 0)
		result = call(turn, message, &failure);
	else
		(void)sd_bus_message_unref(message);
	return judge(turn, method, result, &failure);
}

static int put_server(sd_bus_message *message, const struct address *server, bool extended) {
	int family = server->family == ADDRESS_V4 ? AF_INET : AF_INET6;
	int result = sd_bus_message_open_container(message, 'r', extended ? "iayqs" : "iay");
	if (result >= 0)
		result = sd_bus_message_append(message, "i", family);
	if (result >= 0)
		result = sd_bus_message_append_array(message, 'y', server->bytes, address_size(server));
	/* Port 0 is the usual one; no name: TLS as it is configured there. */
	if (result >= 0 && extended)
		result = sd_bus_message_append(message, "qs", 0, "");
	return result >= 0 ? sd_bus_message_close_container(message) : result;
}

static int put_servers(sd_bus_message *message, const struct dns_tunnel *tunnel, bool extended) {
	int result = sd_bus_message_open_container(message, 'a', extended ? "(iayqs)" : "(iay)");
	for (size_t i = 0; i < tunnel->server_count && result >= 0; i++)
		result = put_server(message, &tunnel->servers[i], extended);
	return result >= 0 ? sd_bus_message_close_container(message) : result;
}

/* SetLinkDNSEx came with systemd 246; before, SetLinkDNS does the same for port 53. */
static enum err set_servers(struct turn *turn, const struct dns_tunnel *tunnel, int index) {
	sd_bus_error failure = SD_BUS_ERROR_NULL;
	int result;
	sd_bus_message *message = begin(turn, "SetLinkDNSEx", index, &result);
	if (result >= 0)
		result = put_servers(message, tunnel, true);
	if (result >= 0)
		result = call(turn, message, &failure);
	else
		(void)sd_bus_message_unref(message);
	if (result >= 0 || !sd_bus_error_has_name(&failure, SD_BUS_ERROR_UNKNOWN_METHOD))
		return judge(turn, "SetLinkDNSEx", result, &failure);
	sd_bus_error_free(&failure);
	message = begin(turn, "SetLinkDNS", index, &result);
	if (result >= 0)
		result = put_servers(message, tunnel, false);
	return end(turn, message, "SetLinkDNS", result);
}

static bool searches(const struct dns_tunnel *tunnel, const char *domain) {
	for (size_t i = 0; i < tunnel->search_count; i++)
		if (strcmp(tunnel->search[i], domain) == 0)
			return true;
	return false;
}

/* Search domains are routed here, too; the others only routed: the root stands for all names. */
static enum err set_domains(struct turn *turn, const struct dns_tunnel *tunnel, int index) {
	int result;
	sd_bus_message *message = begin(turn, "SetLinkDomains", index, &result);
	if (result >= 0)
		result = sd_bus_message_open_container(message, 'a', "(sb)");
	for (size_t i = 0; i < tunnel->search_count && result >= 0; i++)
		result = sd_bus_message_append(message, "(sb)", tunnel->search[i], 0);
	for (size_t i = 0; i < tunnel->domain_count && result >= 0; i++)
		if (!searches(tunnel, tunnel->domains[i]))
			result = sd_bus_message_append(message, "(sb)", tunnel->domains[i], 1);
	if (result >= 0 && tunnel->domain_count == 0)
		result = sd_bus_message_append(message, "(sb)", ".", 1);
	if (result >= 0)
		result = sd_bus_message_close_container(message);
	return end(turn, message, "SetLinkDomains", result);
}

static enum err set_default(struct turn *turn, const struct dns_tunnel *tunnel, int index) {
	int result;
	sd_bus_message *message = begin(turn, "SetLinkDefaultRoute", index, &result);
	if (result >= 0)
		result = sd_bus_message_append(message, "b", (int)(tunnel->domain_count == 0));
	return end(turn, message, "SetLinkDefaultRoute", result);
}

/* Not an error where the interface has gone by itself. */
static enum err revert(struct turn *turn, const struct link *link) {
	if ((int)if_nametoindex(link->name) != link->index)
		return ERR_OK;
	int result;
	sd_bus_message *message = begin(turn, "RevertLink", link->index, &result);
	return end(turn, message, "RevertLink", result);
}

/* All together */

static bool is_wanted(const struct link *link, const struct dns_tunnel *tunnels, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (strcmp(tunnels[i].name, link->name) == 0 &&
			(int)if_nametoindex(link->name) == link->index)
			return true;
	return false;
}

static enum err set(struct dns_resolved *context, struct turn *turn,
					const struct dns_tunnel *tunnel) {
	struct link link = {.index = (int)if_nametoindex(tunnel->name)};
	if (link.index == 0 || strlen(tunnel->name) >= sizeof link.name)
		return explain(turn, tunnel->name, ENODEV, NULL);
	strcpy(link.name, tunnel->name);
	bool known = false;
	for (size_t i = 0; i < context->count; i++)
		known |= context->links[i].index == link.index;
	if (!known && context->count == DNS_TUNNELS_MAX)
		return explain(turn, tunnel->name, ENOSPC, NULL);
	if (!known)
		context->links[context->count++] = link;
	enum err error = set_servers(turn, tunnel, link.index);
	if (!error)
		error = set_domains(turn, tunnel, link.index);
	return error ? error : set_default(turn, tunnel, link.index);
}

static enum err apply(void *pointer, const struct dns_tunnel *tunnels, size_t count,
					  char out_problem[static DNS_PROBLEM_SIZE]) {
	struct dns_resolved *context = pointer;
	struct turn turn = {.problem = out_problem};
	if (count == 0 && context->count == 0)
		return ERR_OK;
	enum err error = open_turn(&turn);
	if (error)
		return error;
	if (count > 0)
		error = look(&turn);
	size_t kept = 0;
	for (size_t i = 0; i < context->count; i++) {
		bool wanted = is_wanted(&context->links[i], tunnels, count);
		/* Should it fail, the link is about to go, and its settings with it. */
		enum err gone = wanted ? ERR_OK : revert(&turn, &context->links[i]);
		if (gone && !error && count == 0)
			error = gone;
		if (wanted)
			context->links[kept++] = context->links[i];
	}
	context->count = kept;
	for (size_t i = 0; i < count && !error; i++)
		error = set(context, &turn, &tunnels[i]);
	close_turn(&turn);
	return error;
}

const struct dns_backend dns_resolved_backend = {
	.name = "systemd-resolved",
	.is_here = is_here,
	.apply = apply,
	.splits = true,
};
