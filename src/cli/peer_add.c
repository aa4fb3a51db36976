#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/key_input.h"
#include "cli/peer_bulk.h"
#include "cli/peer_client.h"
#include "cli/peer_request.h"
#include "cli/text_buffer.h"
#include "crypto/csprng.h"
#include "crypto/x25519.h"
#include "ctl/client.h"

enum {
	PUBLIC_KEY,
	ALLOWED_IPS,
	ENDPOINT,
	KEEPALIVE,
	PSK,
	PRESHARED_KEY_FILE,
	OUTPUT,
	QR,
	RULE,
	FROM,
	SOCKET,
};

const struct command_option peer_add_options[] = {
	[PUBLIC_KEY] = {"--public-key", "KEY", "the peer made its own keys, and this is its public one",
					false},
	[ALLOWED_IPS] = {"--allowed-ips", "LIST", "its addresses, with commas; else the next free ones",
					 false},
	[ENDPOINT] = {"--endpoint", "HOST:PORT", "where it is reached, if it does not come by itself",
				  false},
	[KEEPALIVE] = {"--keepalive", "SECONDS", "how often to send it something when all is quiet",
				   false},
	[PSK] = {"--psk", NULL, "make a pre-shared key too", false},
	[PRESHARED_KEY_FILE] = {"--preshared-key-file", "FILE",
							"take the pre-shared key of a file, or -", false},
	[OUTPUT] = {"--output", "FILE", "write the client's file there, for its owner alone", false},
	[QR] = {"--qr", NULL, "show the client's file as a QR code instead of printing it", false},
	[RULE] = PEER_REQUEST_RULE_OPTION,
	[FROM] = {"--from", "FILE", "many: lines of NAME PUBLIC-KEY [ALLOWED-IPS], of a file or -",
			  false},
	[SOCKET] = COMMAND_SOCKET_OPTION,
	{0},
};

const char peer_add_help[] =
	"Adds a peer to a tunnel, now and for good; the configuration stays as it is.\n"
	"\n"
	"Without --public-key it makes the peer's keys, tells the daemon the public one, and\n"
	"prints the file for the client, its private key inside. Nobody else has that key,\n"
	"and it cannot be shown again.\n"
	"\n"
	"  umbra peer add um0 phone --qr\n"
	"  umbra peer add um0 laptop --psk --output laptop.conf\n"
	"  umbra peer add um0 office --public-key KEY --allowed-ips 10.66.0.9/32,10.9.0.0/24\n"
	"  umbra peer add um0 --from peers.txt\n";

static const char name[] = "peer add";

struct secrets {
	uint8_t private_key[X25519_KEY_SIZE];
	struct view_peer_request request;
};

static void secrets_done(struct secrets *secrets) {
	view_peer_request_done(&secrets->request);
	wipe(secrets, sizeof *secrets);
}

/* The public key of the command line, or a pair made here; and the pre-shared key. */
static int take_keys(const struct streams *streams, const struct command_line *line,
					 struct secrets *secrets) {
	struct view_peer_request *request = &secrets->request;
	if (line->values[PUBLIC_KEY]) {
		int status = peer_request_set_key(streams, name, line->values[PUBLIC_KEY], request);
		if (status != STATUS_OK)
			return status;
	} else {
		x25519_generate(&csprng, secrets->private_key);
		enum err error = x25519_public(secrets->private_key, request->public_key);
		if (error) {
			output_message(streams, "%s: cannot make keys: %s", name, err_text(error));
			return STATUS_FAILED;
		}
	}
	request->has_preshared_key = line->values[PSK] || line->values[PRESHARED_KEY_FILE];
	if (line->values[PSK])
		random_fill(&csprng, request->preshared_key, sizeof request->preshared_key);
	else if (line->values[PRESHARED_KEY_FILE])
		return key_input_read_file(streams, name, line->values[PRESHARED_KEY_FILE],
								   request->preshared_key);
	return STATUS_OK;
}

/* What stands several times. */
struct rules {
	char *items[PEER_REQUEST_RULES_MAX];
	size_t count;
};

static int make_request(const struct streams *streams, const struct command_line *line,
						const struct rules *rules, struct secrets *secrets) {
	static const struct {
		int option;
		int (*set)(const struct streams *streams, const char *prefix, const char *text,
				   struct view_peer_request *request);
	} setters[] = {
		{ALLOWED_IPS, peer_request_set_allowed_ips},
		{ENDPOINT, peer_request_set_endpoint},
		{KEEPALIVE, peer_request_set_keepalive},
	};
	int status = peer_request_set_name(streams, name, line->operands[1], &secrets->request);
	for (size_t i = 0; i < sizeof setters / sizeof setters[0] && status == STATUS_OK; i++)
		if (line->values[setters[i].option])
			status =
				setters[i].set(streams, name, line->values[setters[i].option], &secrets->request);
	if (status == STATUS_OK)
		status =
			peer_request_set_rules(streams, name, rules->items, rules->count, &secrets->request);
	return status == STATUS_OK ? take_keys(streams, line, secrets) : status;
}

/* The keys of a file that could not be written are lost, and so the peer is of no use. */
static void take_back(const struct streams *streams, struct ctl_client *client,
					  const struct view_peer *peer, const char *tunnel) {
	char key[TEXT_KEY_BASE64_SIZE];
	struct view_error problem = {0};
	text_key_encode(peer->public_key, key);
	enum err error = ctl_client_remove_peer(client, tunnel, key, &problem);
	view_error_done(&problem);
	output_message(streams,
				   error ? "%s: the peer was added, but its file is lost; 'umbra peer del'"
						 : "%s: the peer was taken back, as its file could not be written",
				   name);
}

static void tell(const struct streams *streams, const struct view_peer *peer) {
	auto_text_buffer struct text_buffer text = {0};
	char word[ADDRESS_TEXT_SIZE];
	text_buffer_add_clean(&text, peer->name);
	text_buffer_add(&text, " was added to ");
	text_buffer_add_clean(&text, peer->tunnel);
	for (size_t i = 0; i < peer->allowed_ip_count; i++) {
		prefix_format(&peer->allowed_ips[i], word);
		text_buffer_add(&text, "%s%s", i > 0 ? ", " : " with ", word);
	}
	output_message(streams, "%s: %s", name, text.failed ? "done" : text.text);
}

/* The daemon takes the peer, and its file goes where it was asked for. */
static int add(const struct streams *streams, const struct command_line *line,
			   struct ctl_client *client, const struct secrets *secrets,
			   const struct view_tunnel *tunnel, const struct peer_client_place *place) {
	struct view_peer peer;
	struct view_error problem = {0};
	enum err error =
		ctl_client_add_peer(client, line->operands[0], &secrets->request, &peer, &problem);
	if (error)
		return connection_fail(streams, name, error, &problem);
	int status = STATUS_OK;
	if (tunnel) {
		bool own = !line->values[PUBLIC_KEY];
		bool preshared = secrets->request.has_preshared_key;
		const struct peer_client file = {
			.tunnel = tunnel,
			.peer = &peer,
			.private_key = own ? secrets->private_key : NULL,
			.preshared_key = preshared ? secrets->request.preshared_key : NULL,
		};
		status = peer_client_write(streams, name, &file, place);
		if (status != STATUS_OK)
			take_back(streams, client, &peer, line->operands[0]);
	}
	if (status == STATUS_OK)
		tell(streams, &peer);
	view_peer_done(&peer);
	return status;
}

/* With the connection open: the tunnel first, as nothing is made when there is none. */
static int add_over(const struct streams *streams, const struct command_line *line,
					struct ctl_client *client, const struct secrets *secrets) {
	bool wants_file =
		!line->values[PUBLIC_KEY] || line->values[PSK] || line->values[OUTPUT] || line->values[QR];
	if (!wants_file)
		return add(streams, line, client, secrets, NULL, NULL);
	struct view_tunnel tunnel;
	struct view_error problem = {0};
	enum err error = ctl_client_tunnel(client, line->operands[0], &tunnel, &problem);
	if (error)
		return connection_fail(streams, name, error, &problem);
	struct peer_client_place place = {.path = line->values[OUTPUT], .qr = line->values[QR] != NULL};
	int status = peer_client_check(streams, name, &tunnel);
	if (status == STATUS_OK)
		status = peer_client_open(streams, name, &place);
	if (status == STATUS_OK) {
		status = add(streams, line, client, secrets, &tunnel, &place);
		peer_client_close(&place, status == STATUS_OK);
	}
	view_tunnel_done(&tunnel);
	return status;
}

static int add_one(const struct streams *streams, const struct command_line *line,
				   const struct rules *rules) {
	__attribute__((cleanup(secrets_done))) struct secrets secrets = {0};
	int status = make_request(streams, line, rules, &secrets);
	if (status != STATUS_OK)
		return status;
	struct ctl_client *client;
	status = connection_open(streams, name, line->values[SOCKET], &client);
	if (status != STATUS_OK)
		return status;
	status = add_over(streams, line, client, &secrets);
	ctl_client_free(client);
	return status;
}

static int check_line(const struct streams *streams, const struct command_line *line,
					  const struct rules *rules) {
	if (line->values[FROM]) {
		for (int option = 0; option < FROM; option++)
			if (line->values[option] || (option == RULE && rules->count > 0)) {
				output_message(streams, "%s: %s does not go with --from", name,
							   peer_add_options[option].name);
				return STATUS_USAGE;
			}
		if (line->count == 1)
			return STATUS_OK;
		output_message(streams, "%s: the names are in the file of --from", name);
		return STATUS_USAGE;
	}
	if (line->count < 2)
		output_message(streams, "%s: the peer's name is missing; try 'umbra peer add --help'",
					   name);
	else if (line->values[PSK] && line->values[PRESHARED_KEY_FILE])
		output_message(streams, "%s: --psk does not go with --preshared-key-file", name);
	else
		return STATUS_OK;
	return STATUS_USAGE;
}

int peer_add_run(const struct streams *streams, int count, char **arguments) {
	struct command_line line;
	struct rules rules;
	int status = command_take(streams, name, &peer_add_options[RULE], &count, arguments,
							  rules.items, PEER_REQUEST_RULES_MAX, &rules.count);
	if (status == STATUS_OK)
		status = command_parse(streams, name, peer_add_options, 1, 2, count, arguments, &line);
	if (status == STATUS_OK)
		status = check_line(streams, &line, &rules);
	if (status != STATUS_OK)
		return status;
	if (line.values[FROM])
		return peer_bulk_add(streams, line.operands[0], line.values[FROM], line.values[SOCKET]);
	return add_one(streams, &line, &rules);
}
