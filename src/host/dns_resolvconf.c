#include "host/dns_resolvconf.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/dns_kept.h"
#include "host/nft_text.h"
#include "host/program.h"

enum { PREFIX_SIZE = 32, RECORD_NAME_SIZE = PREFIX_SIZE + IFNAMSIZ };

struct dns_resolvconf {
	const char *program; /* NULL: looked for */
	char file[PATH_MAX], names_path[PATH_MAX], before_path[PATH_MAX];
	char names[DNS_TUNNELS_MAX][IFNAMSIZ]; /* of tunnels whose records are there, or may be */
	size_t count;
	struct dns_kept before; /* while there are any */
};

static enum err explain(enum err error, const char *why,
						char out_problem[static DNS_PROBLEM_SIZE]) {
	(void)snprintf(out_problem, DNS_PROBLEM_SIZE, "resolvconf: %.230s", why);
	return error;
}

/* The list of names */

static enum err save_names(const struct dns_resolvconf *context) {
	char text[DNS_TUNNELS_MAX * IFNAMSIZ + 1] = "";
	size_t used = 0;
	for (size_t i = 0; i < context->count; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "%s\n", context->names[i]);
	return dns_kept_write(context->names_path, 0600, text, used);
}

/* What is no name of an interface is passed over: it was not written by us. */
static void parse_names(struct dns_resolvconf *context, char *text) {
	char *rest = text;
	for (char *name; (name = strsep(&rest, "\n")) && context->count < DNS_TUNNELS_MAX;)
		if (nft_text_is_name(name))
			strcpy(context->names[context->count++], name);
}

/* Those of an earlier process. */
static void load(struct dns_resolvconf *context) {
	struct dns_kept list;
	if (context->count > 0 || dns_kept_read(context->names_path, &list))
		return;
	if (list.kind == DNS_KEPT_FILE && list.text)
		parse_names(context, list.text);
	dns_kept_done(&list);
	if (context->count > 0 && !context->before.text &&
		dns_kept_load(context->before_path, &context->before))
		context->before = (struct dns_kept){.kind = DNS_KEPT_NONE};
}

/* Life */

enum err dns_resolvconf_new(const char *program, const char *file, const char *state_dir,
							struct dns_resolvconf **out_context) {
	struct dns_resolvconf *context = calloc(1, sizeof *context);
	if (!context)
		return ERR_NO_MEMORY;
	context->program = program;
	int sizes[] = {
		snprintf(context->file, sizeof context->file, "%s", file),
		snprintf(context->names_path, sizeof context->names_path, "%s/resolvconf.names", state_dir),
		snprintf(context->before_path, sizeof context->before_path, "%s/resolvconf.before",
				 state_dir),
	};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		if (sizes[i] < 0 || sizes[i] >= PATH_MAX) {
			free(context);
			return ERR_INVALID;
		}
	}
	load(context);
	*out_context = context;
	return ERR_OK;
}

void dns_resolvconf_free(struct dns_resolvconf *context) {
	if (!context)
		return;
	dns_kept_done(&context->before);
	free(context);
}

static const char *find(const struct dns_resolvconf *context, char path[static PROGRAM_PATH_SIZE]) {
	if (!context->program)
		return program_find("resolvconf", path);
	return access(context->program, X_OK) == 0 ? context->program : NULL;
}

/* systemd's stand-in does nothing without systemd-resolved, which is another back end. */
static bool is_stand_in(const char *program) {
	auto_free char *real = realpath(program, NULL);
	const char *slash = real ? strrchr(real, '/') : NULL;
	return slash && strcmp(slash, "/resolvectl") == 0;
}

static bool is_here(void *pointer) {
	char path[PROGRAM_PATH_SIZE];
	const char *program = find(pointer, path);
	return program && !is_stand_in(program);
}

static bool has(const struct dns_resolvconf *context, const char *name) {
	for (size_t i = 0; i < context->count; i++)
		if (strcmp(context->names[i], name) == 0)
			return true;
	return false;
}

/* Debian's resolvconf puts records in the order of a list of patterns; those of tunnels come early.
 */
static void record_name(const char *name, char record[static RECORD_NAME_SIZE]) {
	char line[PREFIX_SIZE];
	FILE *order = fopen("/etc/resolvconf/interface-order", "re");
	record[0] = '\0';
	while (order && fgets(line, sizeof line, order)) {
		if (strncmp(line, "tun*", 4) != 0 && strncmp(line, "tun.*", 5) != 0)
			continue;
		(void)snprintf(record, RECORD_NAME_SIZE, "tun.");
		break;
	}
	if (order)
		(void)fclose(order);
	size_t used = strlen(record);
	(void)snprintf(record + used, RECORD_NAME_SIZE - used, "%s", name);
}

/* Running it */

static enum err run(struct dns_resolvconf *context, const char *option, const char *name,
					const char *text, size_t size, char out_problem[static DNS_PROBLEM_SIZE]) {
	char path[PROGRAM_PATH_SIZE], said[PROGRAM_PROBLEM_SIZE];
	char record[RECORD_NAME_SIZE], verb[3], metric[] = "-m", zero[] = "0", exclusive[] = "-x";
	const char *found = find(context, path);
	if (!found)
		return explain(ERR_NOT_FOUND, "there is no such program", out_problem);
	auto_free char *program = strdup(found);
	if (!program)
		return explain(ERR_NO_MEMORY, err_text(ERR_NO_MEMORY), out_problem);
	(void)snprintf(verb, sizeof verb, "%s", option);
	record_name(name, record);
	bool add = strcmp(option, "-a") == 0;
	char *const arguments[] = {
		program, verb, record, add ? metric : NULL, zero, exclusive, NULL,
	};
	enum err error = program_run(arguments, text, size, DNS_RESOLVCONF_TIMEOUT * 1000, said);
	return error ? explain(error, said, out_problem) : ERR_OK;
}

static enum err add(struct dns_resolvconf *context, const struct dns_tunnel *tunnel,
					char out_problem[static DNS_PROBLEM_SIZE]) {
	const struct resolv_conf_wish wish = {
		.servers = tunnel->servers,
		.server_count = tunnel->server_count,
		.search = tunnel->search,
		.search_count = tunnel->search_count,
		.options = "",
	};
	auto_free char *text = NULL;
	size_t size;
	enum err error = resolv_conf_format(&wish, &text, &size);
	if (error)
		return explain(error, err_text(error), out_problem);
	return run(context, "-a", tunnel->name, text, size, out_problem);
}

/* Whether programs find the servers now: not where nobody told resolvconf to write the file. */
static enum err verify(const struct dns_resolvconf *context, const struct dns_tunnel *tunnel,
					   char out_problem[static DNS_PROBLEM_SIZE]) {
	struct dns_kept now;
	enum err error = dns_kept_read(context->file, &now);
	if (error)
		return explain(error, err_text(error), out_problem);
	struct resolv_conf content = {.server_count = 0};
	if (now.text)
		resolv_conf_parse(now.text, now.size, &content);
	dns_kept_done(&now);
	for (size_t i = 0; i < content.server_count; i++) {
		const struct address *server = &content.servers[i].address;
		if (address_equal(server, &tunnel->servers[0]))
			return ERR_OK;
		/* A forwarder of this host, such as dnsmasq, which resolvconf has told. */
		if (server->family == ADDRESS_V4 && server->bytes[0] == 127)
			return ERR_OK;
	}
	return explain(ERR_UNSUPPORTED, "it ran, but /etc/resolv.conf does not have the servers",
				   out_problem);
}

static enum err remove_others(struct dns_resolvconf *context, const struct dns_tunnel *tunnels,
							  size_t count, char out_problem[static DNS_PROBLEM_SIZE]) {
	enum err result = ERR_OK;
	size_t kept = 0, before = context->count;
	for (size_t i = 0; i < before; i++) {
		bool wanted = false;
		for (size_t j = 0; j < count; j++)
			wanted |= strcmp(context->names[i], tunnels[j].name) == 0;
		enum err error =
			wanted ? ERR_OK : run(context, "-d", context->names[i], "", 0, out_problem);
		/* Without the program there is nothing that it could take away. */
		if (error == ERR_NOT_FOUND)
			error = ERR_OK;
		if (error)
			result = error;
		if (wanted || error)
			memmove(context->names[kept++], context->names[i], IFNAMSIZ);
	}
	context->count = kept;
	if (kept == before)
		return result;
	if (kept > 0) {
		enum err error = save_names(context);
		return error ? explain(error, err_text(error), out_problem) : result;
	}
	(void)unlink(context->names_path);
	(void)unlink(context->before_path);
	dns_kept_done(&context->before);
	return result;
}

/* Known before it is made. */
static enum err take(struct dns_resolvconf *context, const char *name,
					 char out_problem[static DNS_PROBLEM_SIZE]) {
	enum err error = ERR_OK;
	if (has(context, name))
		return ERR_OK;
	if (context->count == DNS_TUNNELS_MAX || !nft_text_is_name(name))
		return explain(ERR_LIMIT, err_text(ERR_LIMIT), out_problem);
	if (context->count == 0) {
		error = dns_kept_read(context->file, &context->before);
		if (!error)
			error = dns_kept_save(context->before_path, &context->before);
	}
	if (!error) {
		strcpy(context->names[context->count++], name);
		error = save_names(context);
	}
	return error ? explain(error, err_text(error), out_problem) : ERR_OK;
}

static enum err apply(void *pointer, const struct dns_tunnel *tunnels, size_t count,
					  char out_problem[static DNS_PROBLEM_SIZE]) {
	struct dns_resolvconf *context = pointer;
	enum err error = remove_others(context, tunnels, count, out_problem);
	for (size_t i = 0; i < count && !error; i++) {
		error = take(context, tunnels[i].name, out_problem);
		if (!error)
			error = add(context, &tunnels[i], out_problem);
	}
	return error || count == 0 ? error : verify(context, &tunnels[0], out_problem);
}

bool dns_resolvconf_own(const struct dns_resolvconf *context, struct resolv_conf *out_content) {
	struct resolv_conf content = {.server_count = 0};
	if (context->count == 0)
		return false;
	if (context->before.text)
		resolv_conf_parse(context->before.text, context->before.size, &content);
	*out_content = content;
	return true;
}

const struct dns_backend dns_resolvconf_backend = {
	.name = "resolvconf",
	.is_here = is_here,
	.apply = apply,
	.splits = false,
};
