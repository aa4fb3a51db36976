#include "tunnel/directory_text.h"

#include <stdlib.h>
#include <string.h>

#include "tunnel/stream_status.h"
#include "wire/uapi.h"

enum { VALUE_SIZE = UAPI_TEXT_MAX + 1, PREFIXES_FIRST = 16 };
_Static_assert((int)VALUE_SIZE >= (int)ENDPOINT_TEXT_SIZE);

enum key {
	KEY_OWN_PUBLIC_KEY,
	KEY_LISTEN_PORT,
	KEY_FWMARK,
	KEY_AEAD,
	KEY_PROBLEM,
	/* What the configuration says: whether the device has a line of it is all the same. */
	KEY_ROLE,
	KEY_INSTANCE,
	KEY_CIPHERS,
	KEY_REKEY_SECONDS,
	KEY_REKEY_PACKETS,
	KEY_ALIVE,
	KEY_CLIENT_TO_CLIENT,
	KEY_PUSH_ROUTE,
	KEY_PUSH_DNS,
	KEY_PUSH_DOMAIN,
	KEY_PUSH_MTU,
	KEY_SERVER_NAME,
	KEY_DEMANDS,
	KEY_TICKET_SECONDS,
	KEY_SHARD,      /* figures follow */
	KEY_PUBLIC_KEY, /* opens a peer; all below belong to it */
	KEY_PRESHARED,
	KEY_SESSION,
	KEY_PATH_MTU,
	KEY_PROTOCOL_VERSION,
	KEY_ENDPOINT,
	KEY_HANDSHAKE_SECONDS,
	KEY_HANDSHAKE_NANOSECONDS,
	KEY_SENT,
	KEY_RECEIVED,
	KEY_KEEPALIVE,
	KEY_ALLOWED_IP,
	KEY_ADDRESS, /* that the peer is told to have */
	KEY_RULE,
	KEY_PATH,
	KEY_REFUSED,
	KEY_NAME,
	KEY_RATE,
	KEY_QUOTA,
	KEY_UNTIL,
	KEY_COUNT,
};

#define ROW(name) \
	{ name, sizeof(name) - 1 }

static const struct {
	const char *name;
	size_t size;
} rows[KEY_COUNT] = {
	[KEY_OWN_PUBLIC_KEY] = ROW("own_public_key"),
	[KEY_LISTEN_PORT] = ROW("listen_port"),
	[KEY_FWMARK] = ROW("fwmark"),
	[KEY_AEAD] = ROW("aead"),
	[KEY_PROBLEM] = ROW("problem"),
	[KEY_ROLE] = ROW("role"),
	[KEY_INSTANCE] = ROW("instance"),
	[KEY_CIPHERS] = ROW("ciphers"),
	[KEY_REKEY_SECONDS] = ROW("rekey_seconds"),
	[KEY_REKEY_PACKETS] = ROW("rekey_packets"),
	[KEY_ALIVE] = ROW("keepalive"),
	[KEY_CLIENT_TO_CLIENT] = ROW("client_to_client"),
	[KEY_PUSH_ROUTE] = ROW("push_route"),
	[KEY_PUSH_DNS] = ROW("push_dns"),
	[KEY_PUSH_DOMAIN] = ROW("push_domain"),
	[KEY_PUSH_MTU] = ROW("push_mtu"),
	[KEY_SERVER_NAME] = ROW("server_name"),
	[KEY_DEMANDS] = ROW("demands"),
	[KEY_TICKET_SECONDS] = ROW("ticket_seconds"),
	[KEY_SHARD] = ROW("shard"),
	[KEY_PUBLIC_KEY] = ROW("public_key"),
	[KEY_PRESHARED] = ROW("preshared"),
	[KEY_SESSION] = ROW("session"),
	[KEY_PATH_MTU] = ROW("path_mtu"),
	[KEY_PROTOCOL_VERSION] = ROW("protocol_version"),
	[KEY_ENDPOINT] = ROW("endpoint"),
	[KEY_HANDSHAKE_SECONDS] = ROW("last_handshake_time_sec"),
	[KEY_HANDSHAKE_NANOSECONDS] = ROW("last_handshake_time_nsec"),
	[KEY_SENT] = ROW("tx_bytes"),
	[KEY_RECEIVED] = ROW("rx_bytes"),
	[KEY_KEEPALIVE] = ROW("persistent_keepalive_interval"),
	[KEY_ALLOWED_IP] = ROW("allowed_ip"),
	[KEY_ADDRESS] = ROW("address"),
	[KEY_RULE] = ROW("rule"),
	[KEY_PATH] = ROW("path"),
	[KEY_REFUSED] = ROW("refused"),
	[KEY_NAME] = ROW("name"),
	[KEY_RATE] = ROW("rate"),
	[KEY_QUOTA] = ROW("quota"),
	[KEY_UNTIL] = ROW("until"),
};

struct reading {
	enum err (*take)(void *context, const struct directory_text_peer *peer);
	void *context;
	struct directory_device device;
	bool in_peer;
	struct directory_text_peer peer;
	struct prefix *prefixes;
	size_t capacity;
	char value[VALUE_SIZE]; /* of the line, with a NUL */
};

static enum key find_key(const char *name, size_t size) {
	enum key key = 0;
	while (key < KEY_COUNT && (rows[key].size != size || memcmp(rows[key].name, name, size) != 0))
		key++;
	return key;
}

static enum err add_prefix(struct reading *reading, const struct prefix *prefix) {
	size_t count = reading->peer.allowed_ip_count;
	if (count >= DIRECTORY_TEXT_PREFIXES_MAX)
		return ERR_LIMIT;
	if (count == reading->capacity) {
		size_t capacity = reading->capacity > 0 ? 2 * reading->capacity : PREFIXES_FIRST;
		struct prefix *grown = realloc(reading->prefixes, capacity * sizeof *grown);
		if (!grown)
			return ERR_NO_MEMORY;
		reading->prefixes = grown;
		reading->capacity = capacity;
	}
	reading->prefixes[reading->peer.allowed_ip_count++] = *prefix;
	return ERR_OK;
}

static enum err end_peer(struct reading *reading) {
	if (!reading->in_peer)
		return ERR_OK;
	reading->peer.allowed_ips = reading->prefixes;
	return reading->take(reading->context, &reading->peer);
}

static enum err read_number(const char *value, size_t size, uint64_t maximum,
							uint64_t *out_number) {
	return text_unsigned_parse(value, size, maximum, out_number) ? ERR_MALFORMED : ERR_OK;
}

static enum err read_aead(struct directory_data_path *path, const char *value, size_t size) {
	if (size == 0 || size >= sizeof path->aead)
		return ERR_MALFORMED;
	memcpy(path->aead, value, size + 1);
	return ERR_OK;
}

/* They come in order. */
static enum err read_shard(struct directory_data_path *path, const char *value, size_t size) {
	uint64_t number;
	enum err error = read_number(value, size, FIGURE_SHARDS_MAX - 1, &number);
	if (!error && number != path->shard_count)
		error = ERR_MALFORMED;
	if (!error)
		path->shards[path->shard_count++] = (struct figure_set){.of = {0}};
	return error;
}

/* Of the shard that was named last; ERR_MALFORMED without one. */
static enum err read_figure(struct directory_data_path *path, enum figure figure, const char *value,
							size_t size) {
	uint64_t maximum = figure_kind(figure) == FIGURE_FLAG ? 1 : UINT64_MAX;
	if (path->shard_count == 0)
		return ERR_MALFORMED;
	return read_number(value, size, maximum, &path->shards[path->shard_count - 1].of[figure]);
}

static enum err read_problem(struct directory_device *device, const char *value, size_t size) {
	if (size >= sizeof device->problem)
		return ERR_MALFORMED;
	memcpy(device->problem, value, size + 1);
	return ERR_OK;
}

static enum err read_device_value(struct reading *reading, enum key key, const char *value,
								  size_t size) {
	uint64_t number = 0;
	enum err error;
	switch (key) {
	case KEY_OWN_PUBLIC_KEY:
		reading->device.has_public_key = true;
		return text_hex_decode(value, size, reading->device.public_key, TEXT_KEY_SIZE)
				   ? ERR_MALFORMED
				   : ERR_OK;
	case KEY_LISTEN_PORT:
		error = read_number(value, size, UINT16_MAX, &number);
		reading->device.listen_port = (uint16_t)number;
		return error;
	case KEY_FWMARK:
		error = read_number(value, size, UINT32_MAX, &number);
		reading->device.fwmark = (uint32_t)number;
		return error;
	case KEY_PROBLEM:
		return read_problem(&reading->device, value, size);
	case KEY_ROLE:
	case KEY_INSTANCE:
	case KEY_CIPHERS:
	case KEY_REKEY_SECONDS:
	case KEY_REKEY_PACKETS:
	case KEY_ALIVE:
	case KEY_CLIENT_TO_CLIENT:
	case KEY_PUSH_ROUTE:
	case KEY_PUSH_DNS:
	case KEY_PUSH_DOMAIN:
	case KEY_PUSH_MTU:
	case KEY_SERVER_NAME:
	case KEY_DEMANDS:
	case KEY_TICKET_SECONDS:
		return ERR_OK;
	case KEY_AEAD:
		return read_aead(&reading->device.data_path, value, size);
	case KEY_SHARD:
		return read_shard(&reading->device.data_path, value, size);
	case KEY_PUBLIC_KEY:
		error = end_peer(reading);
		if (error)
			return error;
		reading->in_peer = true;
		reading->peer = (struct directory_text_peer){.allowed_ip_count = 0};
		return text_hex_decode(value, size, reading->peer.public_key, TEXT_KEY_SIZE) ? ERR_MALFORMED
																					 : ERR_OK;
	default:
		return ERR_MALFORMED;
	}
}

/* "192.0.2.1:51820 rtt_us=1234"; without the second where that is not measured. */
static enum err read_path(struct directory_device *device, const char *text, size_t size) {
	static const char mark[] = " rtt_us=";
	char endpoint[ENDPOINT_TEXT_SIZE];
	uint64_t number;
	const char *found = strstr(text, mark), *at = found ? found : text + size;
	if ((size_t)(at - text) >= sizeof endpoint || device->path_count == DIRECTORY_PATHS_MAX)
		return ERR_MALFORMED;
	struct directory_path *path = &device->paths[device->path_count];
	memcpy(endpoint, text, (size_t)(at - text));
	endpoint[at - text] = '\0';
	if (endpoint_parse(endpoint, &path->endpoint))
		return ERR_MALFORMED;
	at += found ? strlen(mark) : 0;
	number = 0;
	if (found && read_number(at, size - (size_t)(at - text), UINT32_MAX, &number))
		return ERR_MALFORMED;
	path->round_trip = (uint32_t)number;
	device->path_count++;
	return ERR_OK;
}

/* text has a NUL behind it. */
static enum err read_peer_value(struct reading *reading, enum key key, const char *text,
								size_t size) {
	struct directory_figures *figures = &reading->peer.figures;
	struct prefix prefix;
	uint64_t number = 0;
	enum err error;
	switch (key) {
	case KEY_PRESHARED:
		figures->has_preshared_key = true;
		return strcmp(text, "true") == 0 ? ERR_OK : ERR_MALFORMED;
	case KEY_SESSION:
		error = read_number(text, size, 1, &number);
		figures->tells_session = true;
		figures->has_session = number != 0;
		return error;
	case KEY_PATH_MTU:
		error = read_number(text, size, UINT16_MAX, &number);
		figures->path_mtu = (uint16_t)number;
		return error;
	case KEY_PROTOCOL_VERSION:
	case KEY_HANDSHAKE_NANOSECONDS:
		return read_number(text, size, UINT32_MAX, &number);
	case KEY_ENDPOINT:
		return endpoint_parse(text, &figures->endpoint) ? ERR_MALFORMED : ERR_OK;
	case KEY_HANDSHAKE_SECONDS:
		return read_number(text, size, INT64_MAX, &figures->latest_handshake);
	case KEY_SENT:
		return read_number(text, size, UINT64_MAX, &figures->sent);
	case KEY_RECEIVED:
		return read_number(text, size, UINT64_MAX, &figures->received);
	case KEY_KEEPALIVE:
		error = read_number(text, size, UINT16_MAX, &number);
		figures->persistent_keepalive = (uint16_t)number;
		return error;
	case KEY_ADDRESS:
	case KEY_RULE:
	case KEY_NAME:
	case KEY_RATE:
	case KEY_QUOTA:
	case KEY_UNTIL:
		return ERR_OK;
	case KEY_REFUSED:
		return read_problem(&reading->device, text, size);
	case KEY_PATH:
		return read_path(&reading->device, text, size);
	case KEY_ALLOWED_IP:
		return prefix_parse(text, &prefix) ? ERR_MALFORMED : add_prefix(reading, &prefix);
	default:
		return ERR_MALFORMED;
	}
}

static enum err read_stream_figure(struct reading *reading, struct slice line) {
	return reading->in_peer ? stream_status_take_peer(line, &reading->peer.figures.streams)
							: stream_status_take(line, &reading->device.streams);
}

static enum err read_line(struct reading *reading, const char *line, size_t size) {
	enum err error = read_stream_figure(reading, slice_of(line, size));
	if (error != ERR_NOT_FOUND)
		return error;
	const char *equal = memchr(line, '=', size);
	if (!equal)
		return ERR_MALFORMED;
	size_t name_size = (size_t)(equal - line), value_size = size - name_size - 1;
	enum key key = find_key(line, name_size);
	enum figure figure = reading->in_peer ? FIGURE_COUNT : figure_find(line, name_size);
	if ((key == KEY_COUNT && figure == FIGURE_COUNT) || value_size >= VALUE_SIZE)
		return ERR_MALFORMED;
	char *value = reading->value;
	memcpy(value, equal + 1, value_size);
	value[value_size] = '\0';
	if (strlen(value) != value_size)
		return ERR_MALFORMED;
	if (key == KEY_COUNT)
		return read_figure(&reading->device.data_path, figure, value, value_size);
	if (key <= KEY_PUBLIC_KEY && (key == KEY_PUBLIC_KEY || !reading->in_peer))
		return read_device_value(reading, key, value, value_size);
	return reading->in_peer ? read_peer_value(reading, key, value, value_size) : ERR_MALFORMED;
}

enum err directory_text_parse(struct slice text,
							  enum err (*take)(void *context,
											   const struct directory_text_peer *peer),
							  void *context, struct directory_device *out_device) {
	struct reading reading = {.take = take, .context = context};
	const char *line = (const char *)text.data;
	size_t left = text.size;
	enum err error = ERR_OK;
	while (left > 0 && !error) {
		const char *newline = memchr(line, '\n', left);
		if (!newline) {
			error = ERR_MALFORMED;
			break;
		}
		size_t size = (size_t)(newline - line);
		error = read_line(&reading, line, size);
		line += size + 1;
		left -= size + 1;
	}
	if (!error)
		error = end_peer(&reading);
	free(reading.prefixes);
	if (!error)
		*out_device = reading.device;
	return error;
}
