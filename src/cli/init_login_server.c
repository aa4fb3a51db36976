#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/wipe.h"
#include "cli/ca.h"
#include "cli/init_hub.h"
#include "cli/init_login.h"
#include "cli/init_whole.h"
#include "cli/text_buffer.h"

enum { NAME, ENDPOINT, LISTEN, NETWORK, DNS, DIRECTORY, NO_MASQUERADE, FORCE };

const struct command_option init_login_server_options[] = {
	[NAME] = {"--name", "NAME", "the tunnel and its interface; vpn", false},
	[ENDPOINT] = {"--endpoint", "HOST[:PORT]", "where clients reach this host; else a guess",
				  false},
	[LISTEN] = {"--listen", "PORT", "the UDP and TCP port; 51820", false},
	[NETWORK] = {"--network", "LIST", "its networks; 10.66.0.0/24 and a random one of IPv6", false},
	[DNS] = {"--dns", "LIST", "name servers for clients; else they keep their own", false},
	[DIRECTORY] = {"--directory", "PATH", "where the files go; " INIT_FILES_DIRECTORY, false},
	[NO_MASQUERADE] = {"--no-masquerade", NULL, "clients reach this host alone", false},
	[FORCE] = {"--force", NULL, "replace files that are there, but the authority", false},
	{0},
};

const char init_login_server_help[] =
	"Makes a server that users log in to: umbra.yaml, or tunnels/NAME.yaml where there is an\n"
	"umbra.yaml, a certificate for the host of its endpoint, and in ca/ the authority that\n"
	"vouches for it, where there is none. 'umbra user add' makes users, whose clients need\n"
	"ca/ca.pem: 'umbra login HOST --ca ca.pem'.\n";

enum {
	DAYS = 3650, /* of an authority */
	DAY = 24 * 60 * 60,
	SLACK = 60 * 60, /* for clocks that are behind */
	PATH_SIZE = 4096,
};

struct plan {
	struct init_hub hub;
	char authority[PATH_SIZE]; /* its folder */
	struct {                   /* wiped */
		struct certificate_pair pair;
	} secrets;
};

static int take(const struct streams *streams, const struct command_line *line, struct plan *plan) {
	const struct init_hub_options options = {
		.name = line->values[NAME],
		.endpoint = line->values[ENDPOINT],
		.listen = line->values[LISTEN],
		.network = line->values[NETWORK],
		.dns = line->values[DNS],
		.directory = line->values[DIRECTORY],
		.no_masquerade = line->values[NO_MASQUERADE] != NULL,
		.force = line->values[FORCE] != NULL,
	};
	int status = init_hub_take(streams, &options, &plan->hub);
	if (status != STATUS_OK)
		return status;
	const int size =
		snprintf(plan->authority, sizeof plan->authority, "%s/ca", plan->hub.directory);
	if (size > 0 && size < (int)sizeof plan->authority)
		return STATUS_OK;
	output_message(streams, "%s: --directory is too long", plan->hub.command);
	return STATUS_USAGE;
}

/* One that is there goes on, whatever may be replaced: it has vouched for others. */
static int make_certificate(const struct streams *streams, struct plan *plan) {
	char path[PATH_SIZE + sizeof "/" CA_CERTIFICATE];
	const int64_t from = (int64_t)(clock_wall_now() / CLOCK_SECOND) - SLACK;
	const char *const name = plan->hub.host;
	const struct authority_request request = {
		.use = AUTHORITY_SERVER, .names = &name, .name_count = 1, .valid_from = from};
	/* The authority's folder is made in it; what is wrong with it is told then. */
	(void)mkdir(plan->hub.directory, 0700);
	(void)snprintf(path, sizeof path, "%s/" CA_CERTIFICATE, plan->authority);
	int status = access(path, F_OK) == 0
					 ? STATUS_OK
					 : ca_make(streams, plan->hub.command, plan->authority, "Umbra", from,
							   from + (int64_t)DAYS * DAY, false);
	if (status != STATUS_OK)
		return status;
	return ca_issue(streams, plan->hub.command, plan->authority, &request, &plan->secrets.pair);
}

static char *make_yaml(const struct plan *plan) {
	auto_text_buffer struct text_buffer yaml = {0};
	const struct init_hub *hub = &plan->hub;
	const char *way = hub->way;
	init_hub_add_yaml(&yaml, hub, config_login_protocol());
	text_buffer_add(&yaml,
					"    # Users are not in this file: 'umbra user add NAME' makes one.\n"
					"    auth:\n"
					"      certificate_file: %skeys/%s.pem\n"
					"      key_file: %skeys/%s.key\n"
					"      # What they show: a password, a certificate of 'umbra ca issue client "
					"NAME', or both.\n"
					"      demands: [password]\n"
					"      ca_file: %sca/" CA_CERTIFICATE "\n"
					"      crl_file: %sca/" CA_LIST "\n"
					"      # Of some groups alone; without it all may log in.\n"
					"      # groups: [staff]\n",
					way, hub->name, way, hub->name, way, way);
	return yaml.failed ? NULL : cleanup_steal(yaml.text);
}

static enum err collect(struct init_files *files, const struct plan *plan) {
	const struct certificate_pair *pair = &plan->secrets.pair;
	char path[CONFIG_NAME_SIZE + 16];
	auto_free char *yaml = make_yaml(plan);
	enum err error = yaml ? ERR_OK : ERR_NO_MEMORY;
	(void)snprintf(path, sizeof path, "keys/%s.pem", plan->hub.name);
	if (!error)
		error = init_files_add(files, path, 0644, pair->certificate, strlen(pair->certificate));
	(void)snprintf(path, sizeof path, "keys/%s.key", plan->hub.name);
	if (!error)
		error = init_files_add(files, path, 0600, pair->key, strlen(pair->key));
	return error ? error : init_files_add(files, plan->hub.file, 0600, yaml, strlen(yaml));
}

static int tell(const struct streams *streams, const struct plan *plan) {
	const struct init_hub *hub = &plan->hub;
	struct certificate_facts facts;
	char pin[CERTIFICATE_PIN_TEXT_SIZE];
	auto_text_buffer struct text_buffer text = {0};
	if (certificate_read(slice_of_text(plan->secrets.pair.certificate), &facts))
		return STATUS_FAILED;
	certificate_pin_format(facts.pin, pin);
	text_buffer_add(
		&text,
		"Made in %s:\n  %s  the tunnel %s on UDP and TCP port %u\n"
		"  keys/%s.pem, keys/%s.key  its certificate, for %s\n"
		"  ca/  the authority that vouches for it; ca.key is for nobody else\n\nNext:\n",
		hub->directory, hub->file, hub->name, hub->listen, hub->name, hub->name, hub->host);
	if (init_hub_is_main(hub))
		text_buffer_add(&text, "  umbrad -c %s/umbra.yaml  starts the server\n", hub->directory);
	else
		text_buffer_add(&text, "  umbra reload  brings it up, if umbra.yaml has include: "
							   "[tunnels/*.yaml]\n");
	text_buffer_add(&text,
					"  umbra user add alice  makes a user, and asks for a password\n"
					"On the user's machine, with a copy of ca/" CA_CERTIFICATE ":\n"
					"  umbra login %s --user alice --ca " CA_CERTIFICATE "\n"
					"or, without the copy:\n"
					"  umbra login %s --user alice --pin %s\n",
					hub->endpoint, hub->endpoint, pin);
	return output_buffer(streams, &text);
}

static int make(const struct streams *streams, const struct plan *plan, bool force) {
	struct init_files files;
	init_files_init(&files, plan->hub.directory);
	enum err error = collect(&files, plan);
	int status = STATUS_FAILED;
	if (error)
		output_message(streams, "%s: %s", plan->hub.command, err_text(error));
	else
		status = init_whole_commit(streams, plan->hub.command, &files, force);
	init_files_done(&files);
	return status;
}

/* Before anything is made, as an authority and what it issued stay. */
static int check(const struct streams *streams, const struct plan *plan, bool force) {
	struct init_files files;
	init_files_init(&files, plan->hub.directory);
	const bool taken = !force && init_files_exists(&files, plan->hub.file);
	init_files_done(&files);
	if (taken) {
		output_message(streams,
					   "%s: %s/%s is there already; --force replaces it, --name makes "
					   "another tunnel",
					   plan->hub.command, plan->hub.directory, plan->hub.file);
		return STATUS_FAILED;
	}
	if (force || !init_whole_has(plan->hub.directory, plan->hub.name))
		return STATUS_OK;
	output_message(streams,
				   "%s: there is a tunnel %s already, in %s/umbra.yaml or what that includes; "
				   "--name makes another tunnel",
				   plan->hub.command, plan->hub.name, plan->hub.directory);
	return STATUS_FAILED;
}

int init_login_server_run(const struct streams *streams, int count, char **arguments) {
	char command[64];
	struct command_line line;
	struct plan plan = {.hub.command = command};
	WIPE_ON_EXIT(plan);
	(void)snprintf(command, sizeof command, "init %s-server", config_login_protocol());
	int status =
		command_parse(streams, command, init_login_server_options, 0, 0, count, arguments, &line);
	const bool force = status == STATUS_OK && line.values[FORCE];
	if (status == STATUS_OK)
		status = take(streams, &line, &plan);
	if (status == STATUS_OK)
		status = check(streams, &plan, force);
	if (status == STATUS_OK)
		status = make_certificate(streams, &plan);
	if (status == STATUS_OK)
		status = make(streams, &plan, force);
	return status == STATUS_OK ? tell(streams, &plan) : status;
}
