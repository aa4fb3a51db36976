#include "tunnel/stream_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/wipe.h"
#include "wire/base64url.h"
#include "wire/stream_settings.h"

enum { VALUE_MAX = 1024 }; /* bytes, but for PEM */

static const char first_line[] = "streams=1\n";

/* In the order of their enums. */
static const char *const roles[] = {"server", "client"};
static const char *const actions[] = {"allow", "deny"};
static const char *const kinds[] = {"carrier", "mixed", "tcp", "udp"};
_Static_assert(STREAM_SERVER == 0 && STREAM_CLIENT == 1 && POLICY_ALLOW == 0 && POLICY_DENY == 1);
_Static_assert(STREAM_LISTENER_CARRIER == 0 && STREAM_LISTENER_TCP == 2 &&
			   STREAM_LISTENER_UDP == 3);

static void free_secret(const char *text) {
	if (!text)
		return;
	wipe((char *)text, strlen(text));
	free((char *)text);
}

void stream_options_done(struct stream_options *options) {
	free(options->certificates);
	free_secret(options->certificate_key);
	free(options->roots);
	free(options->rules);
	for (size_t i = 0; i < options->user_count; i++) {
		free((char *)options->users[i].name);
		free_secret(options->users[i].password);
	}
	free(options->users);
	wipe(options, sizeof *options);
}

static bool listener_equal(const struct stream_listener *left,
						   const struct stream_listener *right) {
	char target[TARGET_TEXT_SIZE], other_target[TARGET_TEXT_SIZE];
	target_format(&left->target, target);
	target_format(&right->target, other_target);
	return left->kind == right->kind && endpoint_equal(&left->at, &right->at) &&
		   strcmp(target, other_target) == 0;
}

bool stream_listeners_equal(const struct stream_listener *left, size_t left_count,
							const struct stream_listener *right, size_t right_count) {
	bool equal = left_count == right_count;
	for (size_t i = 0; equal && i < left_count; i++)
		equal = listener_equal(&left[i], &right[i]);
	return equal;
}

bool stream_options_are_there(struct slice text) {
	size_t size = sizeof first_line - 1;
	return text.size >= size && memcmp(text.data, first_line, size) == 0;
}

/* Bytes as a text of its own; without zeros. */
static enum err take_base64(struct slice value, size_t maximum, char **out_text) {
	size_t size = BASE64URL_DATA_SIZE(value.size), used;
	if (value.size == 0 || size > maximum)
		return ERR_INVALID;
	char *text = malloc(size + 1);
	if (!text)
		return ERR_NO_MEMORY;
	enum err error = base64url_decode(value, (uint8_t *)text, size, &used);
	if (error || memchr(text, '\0', used)) {
		wipe(text, size);
		free(text);
		return ERR_INVALID;
	}
	text[used] = '\0';
	*out_text = text;
	return ERR_OK;
}

static enum err take_word(const char *value, const char *const *words, size_t count,
						  size_t *out_index) {
	for (size_t i = 0; i < count; i++) {
		if (strcmp(value, words[i]) == 0) {
			*out_index = i;
			return ERR_OK;
		}
	}
	return ERR_INVALID;
}

static enum err take_number(const char *value, uint64_t minimum, uint64_t maximum,
							uint64_t *out_number) {
	uint64_t number;
	if (text_unsigned_parse(value, strlen(value), maximum, &number) || number < minimum)
		return ERR_INVALID;
	*out_number = number;
	return ERR_OK;
}

/* "example.com:443", "[2001:db8::1]:53" */
static enum err take_target(const char *value, bool udp, struct target *out_target) {
	char host[VALUE_MAX + 1];
	uint64_t port;
	const char *colon = strrchr(value, ':');
	if (!colon || take_number(colon + 1, 1, UINT16_MAX, &port))
		return ERR_INVALID;
	memcpy(host, value, (size_t)(colon - value));
	host[colon - value] = '\0';
	return target_parse(host, (uint16_t)port, udp, out_target);
}

static enum err take_listener(struct stream_options *options, char *value) {
	struct stream_listener listener = {.kind = STREAM_LISTENER_CARRIER};
	char *at = strchr(value, ' '), *target = at ? strchr(at + 1, ' ') : NULL;
	size_t kind;
	if (!at || options->listener_count == STREAM_LISTENERS_MAX)
		return ERR_INVALID;
	*at++ = '\0';
	if (target)
		*target++ = '\0';
	if (take_word(value, kinds, sizeof kinds / sizeof kinds[0], &kind) ||
		endpoint_parse(at, &listener.at))
		return ERR_INVALID;
	listener.kind = (enum stream_listener_kind)kind;
	bool leads = listener.kind == STREAM_LISTENER_TCP || listener.kind == STREAM_LISTENER_UDP;
	if (leads != (target != NULL))
		return ERR_INVALID;
	if (leads && take_target(target, stream_listener_is_udp(&listener), &listener.target))
		return ERR_INVALID;
	options->listeners[options->listener_count++] = listener;
	return ERR_OK;
}

static enum err take_rule(struct stream_options *options, const char *value) {
	struct policy_rule rule, *rules;
	if (options->rule_count == STREAM_RULES_MAX)
		return ERR_LIMIT;
	if (policy_rule_parse(value, &rule))
		return ERR_INVALID;
	rules = reallocarray(options->rules, options->rule_count + 1, sizeof *rules);
	if (!rules)
		return ERR_NO_MEMORY;
	rules[options->rule_count++] = rule;
	options->rules = rules;
	return ERR_OK;
}

static enum err take_user(struct stream_options *options, const char *value) {
	const char *colon = strchr(value, ':');
	if (!colon || options->user_count == CREDENTIALS_MAX)
		return colon ? ERR_LIMIT : ERR_INVALID;
	struct credential *users = reallocarray(options->users, options->user_count + 1, sizeof *users);
	if (!users)
		return ERR_NO_MEMORY;
	options->users = users;
	char *name = NULL, *password = NULL;
	enum err error =
		take_base64(slice_of(value, (size_t)(colon - value)), CREDENTIALS_TEXT_MAX, &name);
	if (!error)
		error = take_base64(slice_of_text(colon + 1), CREDENTIALS_TEXT_MAX, &password);
	if (error) {
		free(name);
		return error;
	}
	users[options->user_count++] = (struct credential){.name = name, .password = password};
	return ERR_OK;
}

static enum err take_pin(struct stream_options *options, const char *value) {
	if (options->pin_count == TLS_PINS_MAX)
		return ERR_LIMIT;
	enum err error =
		text_hex_decode(value, strlen(value), options->pins[options->pin_count], TLS_PIN_SIZE);
	options->pin_count += error == ERR_OK;
	return error;
}

static enum err take_text(const char *value, char *out_text, size_t size) {
	size_t length = strlen(value);
	if (length == 0 || length >= size)
		return ERR_INVALID;
	for (size_t i = 0; i < length; i++)
		if (value[i] <= ' ' || value[i] > '~')
			return ERR_INVALID;
	memcpy(out_text, value, length + 1);
	return ERR_OK;
}

enum key {
	KEY_ROLE,
	KEY_PRIVATE_KEY,
	KEY_SHAPING,
	KEY_COOKIE,
	KEY_PATH,
	KEY_INTERFACE,
	KEY_LISTENER,
	KEY_CERTIFICATES,
	KEY_CERTIFICATE_KEY,
	KEY_STREAMS_MAX,
	KEY_MEMORY,
	KEY_RULE,
	KEY_OTHERWISE,
	KEY_SERVER_NAME,
	KEY_PIN,
	KEY_ROOTS,
	KEY_CONNECTIONS,
	KEY_USER,
	KEYS,
};

static const char *const keys[KEYS] = {
	[KEY_ROLE] = "role",
	[KEY_PRIVATE_KEY] = "private_key",
	[KEY_SHAPING] = "shaping",
	[KEY_COOKIE] = "cookie",
	[KEY_PATH] = "path",
	[KEY_INTERFACE] = "interface",
	[KEY_LISTENER] = "listener",
	[KEY_CERTIFICATES] = "certificates",
	[KEY_CERTIFICATE_KEY] = "certificate_key",
	[KEY_STREAMS_MAX] = "streams_max",
	[KEY_MEMORY] = "memory",
	[KEY_RULE] = "rule",
	[KEY_OTHERWISE] = "otherwise",
	[KEY_SERVER_NAME] = "server_name",
	[KEY_PIN] = "pin",
	[KEY_ROOTS] = "roots",
	[KEY_CONNECTIONS] = "connections",
	[KEY_USER] = "user",
};

static bool may_repeat(enum key key) {
	return key == KEY_LISTENER || key == KEY_RULE || key == KEY_PIN || key == KEY_USER;
}

static enum err take_numbers(struct stream_options *options, enum key key, const char *value) {
	uint64_t number = 0;
	enum err error;
	switch (key) {
	case KEY_SHAPING:
		error = take_number(value, 0, STREAM_SHAPING_STEALTH, &number);
		options->shaping = (uint8_t)number;
		return error;
	case KEY_STREAMS_MAX:
		error = take_number(value, 1, STREAM_STREAMS_MAX, &number);
		options->streams_max = (uint32_t)number;
		return error;
	case KEY_MEMORY:
		error = take_number(value, 1, STREAM_MEMORY_MAX, &number);
		options->memory = (uint32_t)number;
		return error;
	default:
		error = take_number(value, 1, STREAM_CONNECTIONS_MAX, &number);
		options->connections = (uint8_t)number;
		return error;
	}
}

static enum err take_small(struct stream_options *options, enum key key, char *value) {
	size_t index = 0;
	enum err error;
	switch (key) {
	case KEY_ROLE:
		error = take_word(value, roles, 2, &index);
		options->role = (enum stream_role)index;
		return error;
	case KEY_OTHERWISE:
		error = take_word(value, actions, 2, &index);
		options->otherwise = (enum policy_action)index;
		return error;
	case KEY_PRIVATE_KEY:
		return text_hex_decode(value, strlen(value), options->private_key,
							   sizeof options->private_key);
	case KEY_COOKIE:
		return take_text(value, options->cookie, sizeof options->cookie);
	case KEY_PATH:
		return value[0] == '/' ? take_text(value, options->path, sizeof options->path)
							   : ERR_INVALID;
	case KEY_SERVER_NAME:
		return take_text(value, options->server_name, sizeof options->server_name);
	case KEY_INTERFACE:
		options->interface = true;
		return strcmp(value, "true") == 0 ? ERR_OK : ERR_INVALID;
	case KEY_LISTENER:
		return take_listener(options, value);
	case KEY_RULE:
		return take_rule(options, value);
	case KEY_PIN:
		return take_pin(options, value);
	case KEY_USER:
		return take_user(options, value);
	default:
		return take_numbers(options, key, value);
	}
}

static enum err take_value(struct stream_options *options, enum key key, struct slice value) {
	struct {
		char text[VALUE_MAX + 1];
	} s;
	WIPE_ON_EXIT(s);
	if (key == KEY_CERTIFICATES)
		return take_base64(value, STREAM_PEM_MAX, &options->certificates);
	if (key == KEY_CERTIFICATE_KEY)
		return take_base64(value, STREAM_PEM_MAX, &options->certificate_key);
	if (key == KEY_ROOTS)
		return take_base64(value, STREAM_PEM_MAX, &options->roots);
	if (value.size > VALUE_MAX || (value.size > 0 && memchr(value.data, '\0', value.size)))
		return ERR_INVALID;
	if (value.size > 0)
		memcpy(s.text, value.data, value.size);
	s.text[value.size] = '\0';
	return take_small(options, key, s.text);
}

static enum key find_key(struct slice line, struct slice *out_value) {
	const uint8_t *equal = line.size > 0 ? memchr(line.data, '=', line.size) : NULL;
	size_t size = equal ? (size_t)(equal - line.data) : 0;
	for (enum key key = 0; equal && key < KEYS; key++) {
		if (strlen(keys[key]) == size && memcmp(keys[key], line.data, size) == 0) {
			*out_value = slice_of(equal + 1, line.size - size - 1);
			return key;
		}
	}
	return KEYS;
}

static bool begins(struct slice line, const char *text) {
	return line.size >= strlen(text) && memcmp(line.data, text, strlen(text)) == 0;
}

static enum err take_lines(struct stream_options *options, struct slice text, uint32_t *out_seen,
						   size_t *out_taken) {
	struct slice rest = text, line, value = {0};
	(void)uapi_next_line(&rest, &line); /* first_line */
	while (!begins(rest, "public_key=") && uapi_next_line(&rest, &line)) {
		enum key key = find_key(line, &value);
		if (key == KEYS || ((*out_seen >> key & 1) && !may_repeat(key)))
			return ERR_INVALID;
		enum err error = take_value(options, key, value);
		if (error)
			return error;
		*out_seen |= UINT32_C(1) << key;
	}
	*out_taken = text.size - rest.size;
	return ERR_OK;
}

/* What the other end of the process could not do without. */
static bool is_whole(const struct stream_options *options, uint32_t seen) {
	static const uint32_t all = 1U << KEY_ROLE | 1U << KEY_PRIVATE_KEY | 1U << KEY_SHAPING |
								1U << KEY_COOKIE | 1U << KEY_PATH;
	static const uint32_t server = 1U << KEY_CERTIFICATES | 1U << KEY_CERTIFICATE_KEY |
								   1U << KEY_STREAMS_MAX | 1U << KEY_OTHERWISE;
	static const uint32_t client = 1U << KEY_CONNECTIONS;
	bool is_server = options->role == STREAM_SERVER;
	uint32_t needed = all | (is_server ? server : client);
	for (size_t i = 0; i < options->listener_count; i++)
		if ((options->listeners[i].kind == STREAM_LISTENER_CARRIER) != is_server)
			return false;
	if (!is_server && options->pin_count == 0 && !options->roots)
		return false;
	return (seen & needed) == needed;
}

enum err stream_options_decode(struct slice text, struct stream_options *out_options,
							   size_t *out_taken) {
	struct stream_options options = {.role = STREAM_SERVER};
	uint32_t seen = 0;
	size_t taken = 0;
	if (!stream_options_are_there(text))
		return ERR_INVALID;
	enum err error = take_lines(&options, text, &seen, &taken);
	if (!error && !is_whole(&options, seen))
		error = ERR_INVALID;
	if (error) {
		stream_options_done(&options);
		return error;
	}
	*out_options = options;
	*out_taken = taken;
	wipe(&options, sizeof options);
	return ERR_OK;
}

/* "KEY=BASE64", or with `before`: "KEY=BASE64:BASE64". */
static void put_base64(struct uapi_text *text, enum key key, const char *before,
					   const char *value) {
	size_t room = BASE64URL_TEXT_SIZE(strlen(value)) + 1, used = 0, more;
	if (before)
		room += BASE64URL_TEXT_SIZE(strlen(before)) + 1;
	char *line = malloc(room);
	enum err error = line ? ERR_OK : ERR_NO_MEMORY;
	if (!error && before) {
		error = base64url_encode(slice_of_text(before), line, room, &used);
		line[used++] = ':';
	}
	if (!error)
		error = base64url_encode(slice_of_text(value), line + used, room - used, &more);
	if (error)
		text->error = text->error ? text->error : error;
	else
		uapi_put_text(text, keys[key], line);
	if (line)
		wipe(line, room);
	free(line);
}

static void put_listener(struct uapi_text *text, const struct stream_listener *listener) {
	char line[16 + ENDPOINT_TEXT_SIZE + TARGET_TEXT_SIZE], at[ENDPOINT_TEXT_SIZE];
	char target[TARGET_TEXT_SIZE] = "";
	struct target plain = listener->target;
	plain.udp = false; /* the kind says it */
	endpoint_format(&listener->at, at);
	if (listener->kind == STREAM_LISTENER_TCP || listener->kind == STREAM_LISTENER_UDP)
		target_format(&plain, target);
	(void)snprintf(line, sizeof line, "%s %s%s%s", kinds[listener->kind], at, target[0] ? " " : "",
				   target);
	uapi_put_text(text, keys[KEY_LISTENER], line);
}

static void put_server(const struct stream_options *options, struct uapi_text *text) {
	put_base64(text, KEY_CERTIFICATES, NULL, options->certificates);
	put_base64(text, KEY_CERTIFICATE_KEY, NULL, options->certificate_key);
	uapi_put_number(text, keys[KEY_STREAMS_MAX], options->streams_max);
	if (options->memory > 0)
		uapi_put_number(text, keys[KEY_MEMORY], options->memory);
	uapi_put_text(text, keys[KEY_OTHERWISE], actions[options->otherwise]);
	for (size_t i = 0; i < options->rule_count; i++) {
		char rule[POLICY_RULE_TEXT_MAX + 1];
		policy_rule_format(&options->rules[i], rule);
		uapi_put_text(text, keys[KEY_RULE], rule);
	}
}

static void put_client(const struct stream_options *options, struct uapi_text *text) {
	if (options->server_name[0])
		uapi_put_text(text, keys[KEY_SERVER_NAME], options->server_name);
	for (size_t i = 0; i < options->pin_count; i++)
		uapi_put_key(text, keys[KEY_PIN], options->pins[i]);
	if (options->roots)
		put_base64(text, KEY_ROOTS, NULL, options->roots);
	uapi_put_number(text, keys[KEY_CONNECTIONS], options->connections);
	for (size_t i = 0; i < options->user_count; i++)
		put_base64(text, KEY_USER, options->users[i].name, options->users[i].password);
}

void stream_options_encode(const struct stream_options *options, struct uapi_text *text) {
	uapi_put_line(text, "streams=1");
	uapi_put_text(text, keys[KEY_ROLE], roles[options->role]);
	uapi_put_key(text, keys[KEY_PRIVATE_KEY], options->private_key);
	uapi_put_number(text, keys[KEY_SHAPING], options->shaping);
	uapi_put_text(text, keys[KEY_COOKIE], options->cookie);
	uapi_put_text(text, keys[KEY_PATH], options->path);
	if (options->interface)
		uapi_put_text(text, keys[KEY_INTERFACE], "true");
	for (size_t i = 0; i < options->listener_count; i++)
		put_listener(text, &options->listeners[i]);
	if (options->role == STREAM_SERVER)
		put_server(options, text);
	else
		put_client(options, text);
}
