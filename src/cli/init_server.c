#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/wipe.h"
#include "cli/client_file.h"
#include "cli/init.h"
#include "cli/init_files.h"
#include "cli/init_plan.h"
#include "cli/init_whole.h"
#include "cli/qr.h"
#include "cli/text_buffer.h"

enum { NAME, ENDPOINT, LISTEN, NETWORK, CLIENT, DNS, DIRECTORY, NO_MASQUERADE, QR, FORCE };

const struct command_option init_server_options[] = {
	[NAME] = {"--name", "NAME", "the tunnel and its interface; um0", false},
	[ENDPOINT] = {"--endpoint", "HOST[:PORT]", "where clients reach this host; else a guess",
				  false},
	[LISTEN] = {"--listen", "PORT", "the UDP port; 51820", false},
	[NETWORK] = {"--network", "LIST", "its networks; 10.66.0.0/24 and a random one of IPv6", false},
	[CLIENT] = {"--client", "NAME", "the first client; client1", false},
	[DNS] = {"--dns", "LIST", "name servers for clients; else they keep their own", false},
	[DIRECTORY] = {"--directory", "PATH", "where the files go; " INIT_FILES_DIRECTORY, false},
	[NO_MASQUERADE] = {"--no-masquerade", NULL, "clients reach this host alone", false},
	[QR] = {"--qr", NULL, "show the client's file as a QR code", false},
	[FORCE] = {"--force", NULL, "replace files that are there, keys too", false},
	{0},
};

const char init_server_help[] =
	"Makes a server: its keys, umbra.yaml with comments, and the file of a first client,\n"
	"ready for the apps of phones, for wg-quick, and for 'umbra init client'.\n"
	"\n"
	"  umbra init server --endpoint vpn.example.org --client phone --qr\n";

static const char name[] = "init server";

static const char *value_or(const char *value, const char *otherwise) {
	return value ? value : otherwise;
}

static enum err add_key(struct init_files *files, const struct init_plan *plan) {
	struct {
		char line[TEXT_KEY_BASE64_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	auto_text_buffer struct text_buffer path = {0};
	text_buffer_add(&path, "keys/%s.key", plan->name);
	text_key_encode(plan->secrets.server_private, s.line);
	s.line[sizeof s.line - 1] = '\n';
	return path.failed ? ERR_NO_MEMORY
					   : init_files_add(files, path.text, 0600, s.line, sizeof s.line);
}

static enum err add_yaml(struct init_files *files, const struct init_plan *plan) {
	auto_free char *yaml = init_plan_yaml(plan);
	return yaml ? init_files_add(files, "umbra.yaml", 0600, yaml, strlen(yaml)) : ERR_NO_MEMORY;
}

static enum err format_client(const struct init_plan *plan, char **out_text, size_t *out_size) {
	const struct client_file file = {
		.name = plan->name,
		.private_key = plan->secrets.client_private,
		.server_key = plan->server_public,
		.addresses = {plan->networks.of_client, plan->networks.families},
		.endpoint = plan->endpoint,
		.allowed_ips = {plan->networks.allowed_ips, plan->networks.families},
		.dns = plan->networks.dns,
		.dns_count = plan->networks.dns_count,
		.persistent_keepalive = INIT_PLAN_KEEPALIVE,
	};
	return client_file_format(&file, out_text, out_size);
}

static enum err add_client(struct init_files *files, const struct init_plan *plan, const char *text,
						   size_t size) {
	auto_text_buffer struct text_buffer path = {0};
	text_buffer_add(&path, "clients/%s.conf", plan->client);
	return path.failed ? ERR_NO_MEMORY : init_files_add(files, path.text, 0600, text, size);
}

static int tell(const struct streams *streams, const struct init_plan *plan,
				const char *directory) {
	auto_text_buffer struct text_buffer text = {0};
	text_buffer_add(&text, "Made in %s:\n", directory);
	text_buffer_add(&text, "  umbra.yaml  the configuration: %s on UDP port %u, endpoint %s\n",
					plan->name, plan->listen, plan->endpoint);
	text_buffer_add(&text, "  keys/%s.key  the server's private key\n", plan->name);
	text_buffer_add(&text,
					"  clients/%s.conf  the client's file; its private key is inside, so take a "
					"safe way for it\n",
					plan->client);
	text_buffer_add(&text, "\nNext:\n");
	text_buffer_add(&text, "  umbrad -c %s/umbra.yaml  starts the server\n", directory);
	text_buffer_add(&text, "  umbra status  shows who is connected\n");
	text_buffer_add(&text, "  umbra qr %s/clients/%s.conf  shows the client's file to a phone\n",
					directory, plan->client);
	text_buffer_add(&text, "  umbra init client %s.conf  on the client, with a copy of the file\n",
					plan->client);
	text_buffer_add(&text, "  umbra peer add %s NAME  adds another client\n", plan->name);
	return output_buffer(streams, &text);
}

/* All of it, with the client's file as text. */
static int make(const struct streams *streams, const struct command_line *line,
				const struct init_plan *plan, const char *client, size_t client_size) {
	const char *directory = value_or(line->values[DIRECTORY], INIT_FILES_DIRECTORY);
	struct init_files files;
	init_files_init(&files, directory);
	enum err error = add_key(&files, plan);
	if (!error)
		error = add_client(&files, plan, client, client_size);
	if (!error)
		error = add_yaml(&files, plan);
	int status = STATUS_FAILED;
	if (error)
		output_message(streams, "%s: %s", name, err_text(error));
	else
		status = init_whole_commit(streams, name, &files, line->values[FORCE] != NULL);
	init_files_done(&files);
	if (status == STATUS_OK)
		status = tell(streams, plan, directory);
	if (status == STATUS_OK && line->values[QR])
		status = qr_print(streams, client, qr_locale_is_utf8());
	return status;
}

int init_server_run(const struct streams *streams, int count, char **arguments) {
	struct command_line line;
	int status = command_parse(streams, name, init_server_options, 0, 0, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	const struct init_plan_options options = {
		.name = line.values[NAME],
		.endpoint = line.values[ENDPOINT],
		.listen = line.values[LISTEN],
		.network = line.values[NETWORK],
		.client = line.values[CLIENT],
		.dns = line.values[DNS],
		.no_masquerade = line.values[NO_MASQUERADE] != NULL,
	};
	struct init_plan plan;
	WIPE_ON_EXIT(plan);
	status = init_plan_make(streams, &options, &plan);
	if (status != STATUS_OK)
		return status;
	char *client;
	size_t size;
	enum err error = format_client(&plan, &client, &size);
	if (error) {
		output_message(streams, "%s: %s", name, err_text(error));
		return STATUS_FAILED;
	}
	status = make(streams, &line, &plan, client, size);
	client_file_free(client, size);
	return status;
}
