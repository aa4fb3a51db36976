#include "host/dns.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/dns_backend.h"
#include "host/dns_file.h"
#include "host/dns_kept.h"
#include "host/dns_resolvconf.h"
#include "host/dns_resolved.h"

enum { BACKENDS = DNS_OFF }; /* of the enum's managers, without "auto" */

enum { FILE_EVENTS = IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB };

struct dns {
	struct dns_places places;
	struct dns_resolved *resolved;
	struct dns_resolvconf *resolvconf;
	struct dns_file *file;
	enum dns_manager automatic; /* what it is for now; DNS_AUTO: not decided */
	/* Servers of tunnels that are held: not this host's own. */
	struct address servers[DNS_TUNNELS_MAX];
	size_t server_count;
	bool any;
	int watch;
};

const char *dns_manager_name(enum dns_manager manager) {
	static const char *const names[] = {"auto", "systemd-resolved", "resolvconf",
										"/etc/resolv.conf", "nothing"};
	return manager <= DNS_OFF ? names[manager] : "";
}

/* The file as a back end: all tunnels' servers one after the other */

/* Unless it is there already; returns how many there are. */
static size_t add_server(struct address *all, size_t count, const struct address *server) {
	for (size_t i = 0; i < count; i++)
		if (address_equal(&all[i], server))
			return count;
	all[count] = *server;
	return count + 1;
}

static size_t add_word(const char **all, size_t count, const char *word) {
	for (size_t i = 0; i < count; i++)
		if (strcmp(all[i], word) == 0)
			return count;
	all[count] = word;
	return count + 1;
}

static enum err apply_file(void *pointer, const struct dns_tunnel *tunnels, size_t count,
						   char out_problem[static DNS_PROBLEM_SIZE]) {
	struct dns_file *file = pointer;
	if (count == 0)
		return dns_file_release(file, out_problem);
	size_t servers = 0, search = 0;
	for (size_t i = 0; i < count; i++) {
		servers += tunnels[i].server_count;
		search += tunnels[i].search_count;
	}
	auto_free struct address *all = calloc(servers + 1, sizeof *all);
	auto_free const char **words = calloc(search + 1, sizeof *words);
	if (!all || !words) {
		(void)snprintf(out_problem, DNS_PROBLEM_SIZE, "%s", err_text(ERR_NO_MEMORY));
		return ERR_NO_MEMORY;
	}
	servers = search = 0;
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < tunnels[i].server_count; j++)
			servers = add_server(all, servers, &tunnels[i].servers[j]);
		for (size_t j = 0; j < tunnels[i].search_count; j++)
			search = add_word(words, search, tunnels[i].search[j]);
	}
	const struct resolv_conf_wish wish = {
		.servers = all, .server_count = servers, .search = words, .search_count = search};
	return dns_file_hold(file, &wish, out_problem);
}

static bool always(void *context) {
	return true;
}

static const struct dns_backend file_backend = {
	.name = "/etc/resolv.conf",
	.is_here = always,
	.apply = apply_file,
	.splits = false,
};

/* In the order of the enum, which is that of the search. */
static const struct dns_backend *const backends[BACKENDS] = {
	[DNS_RESOLVED] = &dns_resolved_backend,
	[DNS_RESOLVCONF] = &dns_resolvconf_backend,
	[DNS_FILE] = &file_backend,
};

static void *context_of(const struct dns *dns, enum dns_manager manager) {
	return manager == DNS_RESOLVED     ? (void *)dns->resolved
		   : manager == DNS_RESOLVCONF ? (void *)dns->resolvconf
									   : (void *)dns->file;
}

/* Life */

enum err dns_new(const struct dns_places *places, struct dns **out_dns) {
	struct dns *dns = calloc(1, sizeof *dns);
	if (!dns)
		return ERR_NO_MEMORY;
	dns->watch = -1;
	dns->places = *places;
	if (!dns->places.file)
		dns->places.file = "/etc/resolv.conf";
	if (!dns->places.uplinks)
		dns->places.uplinks = "/run/systemd/resolve/resolv.conf";
	enum err error = dns_resolved_new(dns->places.file, &dns->resolved);
	if (!error)
		error = dns_resolvconf_new(places->program, dns->places.file, places->state_dir,
								   &dns->resolvconf);
	if (!error)
		error = dns_file_new(dns->places.file, places->state_dir, &dns->file);
	if (error) {
		dns_free(dns);
		return error;
	}
	/* Without it the file is looked at once in a while. */
	dns->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	*out_dns = dns;
	return ERR_OK;
}

void dns_free(struct dns *dns) {
	if (!dns)
		return;
	dns_resolved_free(dns->resolved);
	dns_resolvconf_free(dns->resolvconf);
	dns_file_free(dns->file);
	if (dns->watch >= 0)
		(void)close(dns->watch);
	free(dns);
}

enum dns_manager dns_choose(struct dns *dns, enum dns_manager wanted) {
	if (wanted != DNS_AUTO)
		return wanted;
	if (dns->automatic != DNS_AUTO)
		return dns->automatic;
	enum dns_manager manager = DNS_RESOLVED;
	while (!backends[manager]->is_here(context_of(dns, manager)))
		manager++;
	return manager;
}

/* Applying */

bool dns_splits(enum dns_manager manager) {
	return manager < DNS_OFF && backends[manager] && backends[manager]->splits;
}

struct group {
	struct dns_tunnel tunnels[DNS_TUNNELS_MAX];
	size_t count;
};

static enum err refuse(const char *what, char out_problem[static DNS_PROBLEM_SIZE]) {
	(void)snprintf(out_problem, DNS_PROBLEM_SIZE,
				   "dns.domains need systemd-resolved; %s cannot send some names elsewhere", what);
	return ERR_UNSUPPORTED;
}

static enum err sort(struct dns *dns, const struct dns_tunnel *tunnels, size_t count,
					 struct group groups[static BACKENDS],
					 char out_problem[static DNS_PROBLEM_SIZE]) {
	enum err result = ERR_OK;
	for (size_t i = 0; i < count; i++) {
		const struct dns_tunnel *tunnel = &tunnels[i];
		enum dns_manager manager = dns_choose(dns, tunnel->manager);
		if (manager == DNS_OFF || tunnel->server_count == 0)
			continue;
		if (tunnel->domain_count > 0 && !backends[manager]->splits) {
			result = refuse(backends[manager]->name, out_problem);
			continue;
		}
		groups[manager].tunnels[groups[manager].count++] = *tunnel;
	}
	return result;
}

static void remember(struct dns *dns, const struct dns_tunnel *tunnels, size_t count) {
	dns->server_count = 0;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < tunnels[i].server_count && dns->server_count < DNS_TUNNELS_MAX; j++)
			dns->servers[dns->server_count++] = tunnels[i].servers[j];
	dns->any = count > 0;
}

/*
 * The file itself where it is not replaced, the folder where it is; behind a link the file that
 * another one replaces loses a name.
 */
static void watch(struct dns *dns) {
	char folder[PATH_MAX];
	const char *slash = strrchr(dns->places.file, '/');
	if (dns->watch < 0 || !slash)
		return;
	(void)snprintf(folder, sizeof folder, "%.*s/", (int)(slash - dns->places.file),
				   dns->places.file);
	(void)inotify_add_watch(dns->watch, folder, IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ONLYDIR);
	(void)inotify_add_watch(dns->watch, dns->places.file, FILE_EVENTS);
	(void)inotify_add_watch(dns->watch, dns->places.uplinks, FILE_EVENTS);
}

/* A program that is there but does not take care of the file is no way to set names. */
static bool falls_back(struct dns *dns, enum dns_manager manager, const struct group *group) {
	if (manager != DNS_RESOLVCONF || dns->automatic != DNS_RESOLVCONF)
		return false;
	for (size_t i = 0; i < group->count; i++)
		if (group->tunnels[i].manager != DNS_AUTO)
			return false;
	return true;
}

static void move(struct group *from, struct group *to) {
	for (size_t i = 0; i < from->count; i++)
		to->tunnels[to->count++] = from->tunnels[i];
	from->count = 0;
}

enum err dns_apply(struct dns *dns, const struct dns_tunnel *tunnels, size_t count,
				   char out_problem[static DNS_PROBLEM_SIZE]) {
	if (count > DNS_TUNNELS_MAX) {
		(void)snprintf(out_problem, DNS_PROBLEM_SIZE, "%s", err_text(ERR_LIMIT));
		return ERR_LIMIT;
	}
	auto_free struct group *groups = calloc(BACKENDS, sizeof *groups);
	if (!groups) {
		(void)snprintf(out_problem, DNS_PROBLEM_SIZE, "%s", err_text(ERR_NO_MEMORY));
		return ERR_NO_MEMORY;
	}
	bool automatic = false;
	for (size_t i = 0; i < count; i++)
		automatic |= tunnels[i].manager == DNS_AUTO;
	dns->automatic = automatic ? dns_choose(dns, DNS_AUTO) : DNS_AUTO;
	enum err result = sort(dns, tunnels, count, groups, out_problem);
	for (enum dns_manager i = DNS_RESOLVED; i < DNS_OFF; i++) {
		void *context = context_of(dns, i);
		enum err error =
			backends[i]->apply(context, groups[i].tunnels, groups[i].count, out_problem);
		if (error == ERR_UNSUPPORTED && falls_back(dns, i, &groups[i])) {
			move(&groups[i], &groups[DNS_FILE]);
			dns->automatic = DNS_FILE;
			error = backends[i]->apply(context, NULL, 0, out_problem);
		}
		if (error)
			result = error;
	}
	remember(dns, tunnels, count);
	watch(dns);
	return result;
}

/* Watching */

int dns_descriptor(const struct dns *dns) {
	return dns->watch;
}

bool dns_is_held(const struct dns *dns) {
	return dns->any;
}

enum err dns_check(struct dns *dns, uint64_t now, bool *out_changed,
				   char out_problem[static DNS_PROBLEM_SIZE]) {
	_Alignas(struct inotify_event) char events[4096];
	while (dns->watch >= 0 && read(dns->watch, events, sizeof events) > 0)
		;
	enum err error = dns_file_check(dns->file, now, out_changed, out_problem);
	watch(dns);
	return error;
}

/* The host's own servers */

static bool is_of_tunnel(const struct dns *dns, const struct address *server) {
	for (size_t i = 0; i < dns->server_count; i++)
		if (address_equal(&dns->servers[i], server))
			return true;
	return false;
}

static bool is_resolved(const struct endpoint *server) {
	const uint8_t *bytes = server->address.bytes;
	return server->address.family == ADDRESS_V4 && bytes[0] == 127 && bytes[1] == 0 &&
		   bytes[2] == 0 && (bytes[3] == 53 || bytes[3] == 54);
}

static size_t take(const struct dns *dns, const struct resolv_conf *content,
				   struct endpoint servers[static DNS_OWN_SERVERS_MAX]) {
	size_t count = 0;
	for (size_t i = 0; i < content->server_count && count < DNS_OWN_SERVERS_MAX; i++)
		if (!is_of_tunnel(dns, &content->servers[i].address))
			servers[count++] = content->servers[i];
	return count;
}

static bool read_file(const char *path, struct resolv_conf *out_content) {
	struct dns_kept now;
	if (dns_kept_read(path, &now))
		return false;
	if (now.text)
		resolv_conf_parse(now.text, now.size, out_content);
	dns_kept_done(&now);
	return true;
}

size_t dns_own_servers(const struct dns *dns, struct endpoint servers[static DNS_OWN_SERVERS_MAX]) {
	struct resolv_conf content;
	if (!dns_resolvconf_own(dns->resolvconf, &content) && dns_file_own(dns->file, &content))
		return 0;
	if (content.server_count > 0 && is_resolved(&content.servers[0])) {
		struct resolv_conf more = {.server_count = 0};
		if (read_file(dns->places.uplinks, &more) && take(dns, &more, servers) > 0)
			content = more;
	}
	return take(dns, &content, servers);
}
