#include "cli/peer_request.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/command.h"
#include "ctl/view.h"

enum { ALLOWED_IPS_MAX = 4096 };

static int set_text(const struct streams *streams, const char *prefix, const char *text,
					char **out_text) {
	char *copy = strdup(text);
	if (!copy) {
		output_message(streams, "%s: out of memory", prefix);
		return STATUS_FAILED;
	}
	free(*out_text);
	*out_text = copy;
	return STATUS_OK;
}

int peer_request_set_name(const struct streams *streams, const char *prefix, const char *name,
						  struct view_peer_request *request) {
	return set_text(streams, prefix, name, &request->name);
}

int peer_request_set_key(const struct streams *streams, const char *prefix, const char *text,
						 struct view_peer_request *request) {
	if (!text_key_decode(text, strlen(text), request->public_key))
		return STATUS_OK;
	/* It may be anything, a private key with a letter too few among it. */
	output_message(streams, "%s: the public key is not the base64 of 32 bytes (44 characters)",
				   prefix);
	return STATUS_USAGE;
}

/* "10.66.0.7/24" is often meant to be one address. */
static void warn_of_host_bits(const struct streams *streams, const char *command, const char *word,
							  const struct prefix *prefix) {
	char address[ADDRESS_TEXT_SIZE], whole[ADDRESS_TEXT_SIZE];
	struct address host;
	size_t size = strcspn(word, "/");
	memcpy(address, word, size);
	address[size] = '\0';
	if (address_parse(address, &host) || address_equal(&host, &prefix->address))
		return;
	prefix_format(prefix, whole);
	output_message(streams,
				   "%s: warning: %s is the whole network %s; for the one address leave out its "
				   "length",
				   command, word, whole);
}

/* One of the list, its size bytes at text. */
static bool parse_prefix(const struct streams *streams, const char *command, const char *text,
						 size_t size, struct prefix *out_prefix) {
	char word[ADDRESS_TEXT_SIZE];
	if (size >= sizeof word)
		return false;
	memcpy(word, text, size);
	word[size] = '\0';
	if (prefix_parse(word, out_prefix))
		return false;
	warn_of_host_bits(streams, command, word, out_prefix);
	return true;
}

int peer_request_set_allowed_ips(const struct streams *streams, const char *prefix,
								 const char *text, struct view_peer_request *request) {
	size_t count = 1, used = 0;
	for (const char *at = text; *at; at++)
		count += *at == ',';
	auto_free struct prefix *prefixes =
		count <= ALLOWED_IPS_MAX ? calloc(count, sizeof *prefixes) : NULL;
	if (!prefixes) {
		output_message(streams, "%s: %s", prefix,
					   count > ALLOWED_IPS_MAX ? "too many allowed IPs" : "out of memory");
		return STATUS_FAILED;
	}
	for (const char *next = text;;) {
		next += strspn(next, " ");
		size_t size = strcspn(next, ",");
		size_t word = size;
		while (word > 0 && next[word - 1] == ' ')
			word--;
		if (!parse_prefix(streams, prefix, next, word, &prefixes[used])) {
			output_message(streams, "%s: allowed IPs are networks such as 10.66.0.2/32,fd66::2/128",
						   prefix);
			return STATUS_USAGE;
		}
		used++;
		if (!next[size])
			break;
		next += size + 1;
	}
	free(request->allowed_ips);
	request->allowed_ips = cleanup_steal(prefixes);
	request->allowed_ip_count = used;
	return STATUS_OK;
}

int peer_request_set_endpoint(const struct streams *streams, const char *prefix, const char *text,
							  struct view_peer_request *request) {
	const char *colon = strrchr(text, ':');
	uint64_t port;
	if (!colon || colon == text ||
		text_unsigned_parse(colon + 1, strlen(colon + 1), 65535, &port) || port == 0) {
		output_message(streams,
					   "%s: the endpoint '%s' is no HOST:PORT, as in vpn.example.org:51820", prefix,
					   command_repeatable(text));
		return STATUS_USAGE;
	}
	return set_text(streams, prefix, text, &request->endpoint);
}

int peer_request_set_rules(const struct streams *streams, const char *prefix, char *const *rules,
						   size_t count, struct view_peer_request *request) {
	size_t size = 0;
	for (size_t i = 0; i < count; i++)
		size += strlen(rules[i]) + 1;
	if (count == 0)
		return STATUS_OK;
	char *text = malloc(size), *end = text;
	if (!text) {
		output_message(streams, "%s: out of memory", prefix);
		return STATUS_FAILED;
	}
	for (size_t i = 0; i < count; i++) {
		end = stpcpy(end, rules[i]);
		*end++ = '\n';
	}
	end[-1] = '\0';
	free(request->rules);
	request->rules = text;
	return STATUS_OK;
}

int peer_request_set_keepalive(const struct streams *streams, const char *prefix, const char *text,
							   struct view_peer_request *request) {
	uint64_t seconds;
	if (text_unsigned_parse(text, strlen(text), UINT16_MAX, &seconds)) {
		output_message(streams, "%s: the keepalive is a number of seconds from 0 (off) to 65535",
					   prefix);
		return STATUS_USAGE;
	}
	request->persistent_keepalive = (uint16_t)seconds;
	return STATUS_OK;
}
