#include "cli/init_plan.h"

#include <string.h>

#include "base/wipe.h"
#include "crypto/csprng.h"
#include "crypto/x25519.h"

enum { DEFAULT_PORT = 51820 };

static const char name[] = "init server";

bool init_plan_is_name(const char *text, size_t maximum) {
	size_t size = strlen(text);
	if (size == 0 || size > maximum || strchr("_-.", text[0]))
		return false;
	for (size_t i = 0; i < size; i++) {
		char character = text[i];
		if ((character < 'a' || character > 'z') && (character < 'A' || character > 'Z') &&
			(character < '0' || character > '9') && !strchr("_-.", character))
			return false;
	}
	return true;
}

static int take_names(const struct streams *streams, const struct init_plan_options *options,
					  struct init_plan *plan) {
	plan->name = options->name ? options->name : "um0";
	plan->client = options->client ? options->client : "client1";
	if (!init_plan_is_name(plan->name, CONFIG_NAME_SIZE - 1))
		output_message(streams,
					   "%s: --name is what the interface is called: up to %d letters, digits and "
					   "_-., the first one a letter or digit",
					   name, CONFIG_NAME_SIZE - 1);
	else if (!init_plan_is_name(plan->client, CONFIG_LABEL_MAX))
		output_message(
			streams,
			"%s: --client takes up to %d letters, digits and _-., the first one a letter "
			"or digit",
			name, CONFIG_LABEL_MAX);
	else
		return STATUS_OK;
	return STATUS_USAGE;
}

static int take_port(const struct streams *streams, const char *text, struct init_plan *plan) {
	uint64_t port = DEFAULT_PORT;
	if (text && (text_unsigned_parse(text, strlen(text), UINT16_MAX, &port) || port == 0)) {
		output_message(streams, "%s: --listen takes a UDP port, 1 to 65535", name);
		return STATUS_USAGE;
	}
	plan->listen = (uint16_t)port;
	return STATUS_OK;
}

static int guess_endpoint(const struct streams *streams, struct init_plan *plan) {
	struct address address;
	char text[ADDRESS_TEXT_SIZE];
	if (init_endpoint_guess(&address) || init_endpoint_of(&address, plan->listen, plan->endpoint)) {
		output_message(streams,
					   "%s: this host has no address that clients could use; say where they reach "
					   "it: --endpoint HOST[:PORT]",
					   name);
		return STATUS_FAILED;
	}
	address_format(&address, text);
	output_message(streams,
				   "%s: clients will use the endpoint %s, a guess by this host's routes; "
				   "--endpoint HOST[:PORT] says better",
				   name, plan->endpoint);
	if (init_endpoint_is_private(&address))
		output_message(streams,
					   "%s: warning: %s is a private address, which clients elsewhere cannot "
					   "reach; behind a router, let it forward UDP port %u to this host and give "
					   "its address or name as --endpoint",
					   name, text, plan->listen);
	return STATUS_OK;
}

static int take_endpoint(const struct streams *streams, const char *text, struct init_plan *plan) {
	if (!text)
		return guess_endpoint(streams, plan);
	if (!init_endpoint_parse(text, plan->listen, plan->endpoint))
		return STATUS_OK;
	output_message(streams,
				   "%s: --endpoint takes a name or an address and perhaps a port: vpn.example.org, "
				   "192.0.2.1:51820, [2001:db8::1]:51820",
				   name);
	return STATUS_USAGE;
}

static int make_keys(const struct streams *streams, struct init_plan *plan) {
	x25519_generate(&csprng, plan->secrets.server_private);
	x25519_generate(&csprng, plan->secrets.client_private);
	enum err error = x25519_public(plan->secrets.server_private, plan->server_public);
	if (!error)
		error = x25519_public(plan->secrets.client_private, plan->client_public);
	if (error)
		output_message(streams, "%s: cannot make keys: %s", name, err_text(error));
	return error ? STATUS_FAILED : STATUS_OK;
}

int init_plan_make(const struct streams *streams, const struct init_plan_options *options,
				   struct init_plan *out_plan) {
	struct init_plan plan = {.networks.masquerade = !options->no_masquerade};
	WIPE_ON_EXIT(plan);
	int status = take_names(streams, options, &plan);
	if (status == STATUS_OK)
		status = take_port(streams, options->listen, &plan);
	if (status == STATUS_OK)
		status = init_networks_take(streams, name, options->network, &plan.networks);
	if (status == STATUS_OK)
		status = init_networks_take_dns(streams, name, options->dns, &plan.networks);
	if (status == STATUS_OK)
		status = take_endpoint(streams, options->endpoint, &plan);
	if (status == STATUS_OK)
		status = make_keys(streams, &plan);
	if (status == STATUS_OK)
		*out_plan = plan;
	return status;
}
