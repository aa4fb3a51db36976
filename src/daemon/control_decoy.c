#include "daemon/control_decoy.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/decoy_visit.h"
#include "daemon/holdings.h"
#include "daemon/shared_text.h"
#include "proxy/site.h"
#include "session/seen.h"
#include "store/store_seen.h"
#include "wire/base64url.h"
#include "wire/decoy_link.h"

/* How long handshakes are kept: a clock that is set by less harms nobody. */
#define KEPT_MS (4 * SEEN_WINDOW)
#define TRIM_PERIOD (60 * CLOCK_SECOND)

struct control_decoy {
	struct control *control;
	struct list visits;
	size_t visit_count;
	struct holdings holdings;
	struct list asking; /* for a socket */
	size_t asking_count, backend_count;
	struct site *sites[PROCESS_TUNNELS_MAX]; /* by slot; NULL: the plain one */
	struct site *plain;
	uint64_t trim_at;
};

/* One connection, and what it needs of a configuration that may be another one before its end. */
struct visitor {
	struct list link;
	struct holding holding;
	struct control_decoy *decoy;
	struct control_tunnel *tunnel;
	char cookie[CONFIG_COOKIE_MAX + 1];
	struct decoy_visit *visit;
};

/* A question to the privileged process. */
struct asking {
	struct list link;
	struct control_decoy *decoy;
	struct decoy_visit_backend *backend; /* NULL: nobody waits any more */
};

static struct control_decoy *find(struct control *control) {
	if (!control->decoy) {
		struct control_decoy *decoy = calloc(1, sizeof *decoy);
		if (!decoy)
			return NULL;
		decoy->control = control;
		list_init(&decoy->visits);
		list_init(&decoy->asking);
		holdings_init(&decoy->holdings, CONTROL_VISITS_HELD_MAX);
		control->decoy = decoy;
	}
	return control->decoy;
}

/* Sites */

static void unmap(struct slice image) {
	(void)munmap((void *)(uintptr_t)image.data, image.size);
}

static enum err map_site(int descriptor, struct site **out_site) {
	size_t size;
	enum err error = shared_text_size(descriptor, SITE_SIZE_MAX, &size);
	if (!error && size == 0)
		error = ERR_TRUNCATED;
	if (error)
		return error;
	void *image = mmap(NULL, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
	if (image == MAP_FAILED)
		return ERR_NO_MEMORY;
	error = site_new(slice_of(image, size), unmap, out_site);
	if (error)
		(void)munmap(image, size);
	return error;
}

void control_decoy_site(struct control *control, struct channel_message *message) {
	struct control_decoy *decoy = find(control);
	struct site *site = NULL;
	if (!decoy)
		return;
	enum err error = message->count == 1 ? map_site(message->descriptors[0], &site) : ERR_OK;
	if (error) {
		log_error("the site of a tunnel: %s", err_text(error));
		return;
	}
	/* Who is there goes on with the one of before. */
	site_release(decoy->sites[message->message.tunnel]);
	decoy->sites[message->message.tunnel] = site;
}

/* Holds nothing. NULL: no memory. */
static struct site *site_of(struct control_decoy *decoy, uint16_t slot) {
	if (decoy->sites[slot])
		return decoy->sites[slot];
	if (!decoy->plain && site_new_plain(decoy->control->started, &decoy->plain))
		return NULL;
	return decoy->plain;
}

/* Backends */

static void backend_came(void *context, const struct control_reply *reply) {
	struct asking *asking = context;
	struct control_decoy *decoy = asking->decoy;
	struct decoy_visit_backend *backend = asking->backend;
	list_remove(&asking->link);
	decoy->asking_count--;
	free(asking);
	if (!backend)
		return;
	int descriptor = reply->number == 0 && reply->descriptor >= 0
						 ? fcntl(reply->descriptor, F_DUPFD_CLOEXEC, 0)
						 : -1;
	decoy_visit_connected(backend, descriptor);
}

static bool connect_backend(void *context, struct decoy_visit_backend *backend) {
	struct visitor *visitor = context;
	struct control_decoy *decoy = visitor->decoy;
	struct control *control = decoy->control;
	decoy->backend_count++; /* forget_backend() comes in any case */
	/* Others have questions, too. */
	if (decoy->backend_count > CONTROL_BACKENDS_MAX ||
		decoy->asking_count >= CONTROL_PENDING_MAX / 4)
		return false;
	struct asking *asking = malloc(sizeof *asking);
	if (!asking)
		return false;
	*asking = (struct asking){.decoy = decoy, .backend = backend};
	struct process_message message = {.type = PROCESS_BACKEND, .tunnel = visitor->tunnel->slot};
	if (control_channel_ask(&control->privileged, &message, -1, PROCESS_RESULT, backend_came,
							asking)) {
		free(asking);
		return false;
	}
	list_append(&decoy->asking, &asking->link);
	decoy->asking_count++;
	return true;
}

static void forget_backend(void *context, struct decoy_visit_backend *backend) {
	struct control_decoy *decoy = ((struct visitor *)context)->decoy;
	decoy->backend_count--;
	list_for_each (link, &decoy->asking) {
		struct asking *asking = list_item(link, struct asking, link);
		if (asking->backend == backend)
			asking->backend = NULL;
	}
}

/* Handshakes */

static void trim(struct control_decoy *decoy) {
	uint64_t now = clock_now(), wall_now = clock_wall_now() / CLOCK_MILLISECOND;
	if (now < decoy->trim_at || wall_now < KEPT_MS)
		return;
	decoy->trim_at = now + TRIM_PERIOD;
	enum err error = store_seen_trim(decoy->control->store, wall_now - KEPT_MS);
	if (error)
		log_warning("handshakes of long ago stay in the store: %s", err_text(error));
}

/* The net process says whom it lets in; whoever speaks in its place fills no disk with others. */
static bool is_of_now(const struct control_tunnel *tunnel, const struct decoy_link_entry *entry) {
	uint64_t now = clock_wall_now() / CLOCK_MILLISECOND;
	uint64_t apart = entry->timestamp > now ? entry->timestamp - now : now - entry->timestamp;
	return apart < KEPT_MS && directory_find_key(tunnel->directory, entry->client);
}

static enum err keep(void *context, const struct decoy_link_entry *entry) {
	struct visitor *visitor = context;
	struct control *control = visitor->decoy->control;
	struct store_seen seen = {.timestamp = entry->timestamp};
	static struct log_kind failed;
	memcpy(seen.client, entry->client, sizeof seen.client);
	memcpy(seen.random, entry->random, sizeof seen.random);
	if (!is_of_now(visitor->tunnel, entry))
		return ERR_INVALID;
	enum err error = control->store ? store_seen_add(control->store, visitor->tunnel->name, &seen)
									: ERR_NOT_FOUND;
	if (error)
		log_limited(&failed, LOG_ERROR, "%s: a client is not let in, as the store is not there: %s",
					visitor->tunnel->name,
					control->store ? err_text(error) : control->store_problem);
	else
		trim(visitor->decoy);
	return error;
}

static enum err put_seen(void *context, const struct store_seen *seen) {
	struct uapi_text *text = context;
	struct decoy_link_entry entry = {.timestamp = seen->timestamp};
	uint8_t bytes[DECOY_LINK_ENTRY_SIZE];
	char value[BASE64URL_TEXT_SIZE(DECOY_LINK_ENTRY_SIZE) + 1];
	size_t size;
	memcpy(entry.client, seen->client, sizeof entry.client);
	memcpy(entry.random, seen->random, sizeof entry.random);
	decoy_link_encode_entry(&entry, bytes);
	enum err error = base64url_encode(slice_of(bytes, sizeof bytes), value, sizeof value, &size);
	if (error)
		return error;
	value[size] = '\0';
	uapi_put_text(text, "seen", value);
	return text->error;
}

void control_decoy_recollect(struct control_tunnel *tunnel) {
	struct control *control = tunnel->control;
	struct uapi_text text = {.data = NULL};
	if (!tunnel->config->carries_streams || tunnel->config->role != CONFIG_SERVER)
		return;
	struct control_decoy *decoy = find(control);
	if (decoy && control->store)
		trim(decoy);
	enum err error =
		control->store ? store_seen_each(control->store, tunnel->name, put_seen, &text) : ERR_OK;
	/* Without the store nobody is let in anyway; strangers find their web site. */
	if (error)
		log_error("%s: handshakes of before: %s", tunnel->name, err_text(error));
	else
		uapi_put_text(&text, "admit", "1");
	if (!error)
		control_net_set(tunnel, &text, NULL, NULL);
	uapi_text_done(&text);
}

/* Visits */

static void visitor_free(struct visitor *visitor) {
	list_remove(&visitor->link);
	visitor->decoy->visit_count--;
	holdings_remove(&visitor->decoy->holdings, &visitor->holding);
	decoy_visit_free(visitor->visit);
	free(visitor);
}

static bool holds(void *context, size_t size) {
	struct visitor *visitor = context;
	struct holdings *holdings = &visitor->decoy->holdings;
	static struct log_kind pressed;
	holdings_set(holdings, &visitor->holding, size);
	for (struct holding *holding; (holding = holdings_excess(holdings)) != NULL;) {
		struct visitor *most = list_item(holding, struct visitor, holding);
		log_limited(&pressed, LOG_WARNING,
					"%s: a visitor of its web site was reset: all together hold too much memory",
					most->tunnel->name);
		if (most == visitor)
			return false;
		visitor_free(most);
	}
	return true;
}

static void ended(void *context, struct decoy_visit *visit) {
	visitor_free(context);
}

static const struct decoy_visit_ops visit_ops = {
	.keep = keep,
	.connect = connect_backend,
	.forget = forget_backend,
	.holds = holds,
	.ended = ended,
};

static enum err welcome(struct control_decoy *decoy, struct control_tunnel *tunnel,
						const struct process_stranger *stranger, int descriptor) {
	const struct config_tunnel *config = tunnel->config;
	struct endpoint peer = {.port = stranger->port, .scope_id = stranger->scope};
	peer.address = address_from_bytes((enum address_family)stranger->family, stranger->address);
	struct visitor *visitor = calloc(1, sizeof *visitor);
	bool proxies = config->decoy.proxy.port != 0;
	struct site *site = proxies ? NULL : site_of(decoy, tunnel->slot);
	if (!visitor || (!site && !proxies) ||
		strlen(config->streams.cookie) >= sizeof visitor->cookie) {
		free(visitor);
		(void)close(descriptor);
		return ERR_NO_MEMORY;
	}
	*visitor = (struct visitor){.decoy = decoy, .tunnel = tunnel};
	memcpy(visitor->cookie, config->streams.cookie, strlen(config->streams.cookie) + 1);
	const struct decoy_visit_options options = {
		.loop = decoy->control->loop,
		.descriptor = descriptor,
		.ops = &visit_ops,
		.context = visitor,
		.http2 = stranger->http == PROCESS_HTTP2,
		.plain = stranger->http == PROCESS_HTTP_PLAIN,
		.site = site,
		.cookie = visitor->cookie,
		.peer = &peer,
		.port = config->listen.port,
	};
	enum err error = decoy_visit_new(&options, &visitor->visit);
	if (error) {
		free(visitor);
		return error;
	}
	list_append(&decoy->visits, &visitor->link);
	decoy->visit_count++;
	holdings_add(&decoy->holdings, &visitor->holding);
	return ERR_OK;
}

void control_decoy_stranger(struct control *control, struct channel_message *message) {
	const struct process_message *body = &message->message;
	struct control_tunnel *tunnel = control_tunnel_of_slot(control, body->tunnel);
	struct control_decoy *decoy = find(control);
	static struct log_kind failed;
	if (message->count != 1 || !tunnel || !decoy || !tunnel->config->carries_streams ||
		tunnel->config->role != CONFIG_SERVER)
		return;
	enum err error = decoy->visit_count < CONTROL_VISITS_MAX
						 ? welcome(decoy, tunnel, &body->stranger, channel_message_take(message, 0))
						 : ERR_LIMIT;
	if (error)
		log_limited(&failed, LOG_WARNING, "%s: a visitor of its web site was not served: %s",
					tunnel->name, err_text(error));
}

void control_decoy_forget(struct control_tunnel *tunnel) {
	struct control_decoy *decoy = tunnel->control->decoy;
	if (!decoy)
		return;
	list_for_each (link, &decoy->visits) {
		struct visitor *visitor = list_item(link, struct visitor, link);
		if (visitor->tunnel == tunnel)
			visitor_free(visitor);
	}
	site_release(decoy->sites[tunnel->slot]);
	decoy->sites[tunnel->slot] = NULL;
}

void control_decoy_done(struct control *control) {
	struct control_decoy *decoy = control->decoy;
	if (!decoy)
		return;
	list_for_each (link, &decoy->visits)
		visitor_free(list_item(link, struct visitor, link));
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++)
		site_release(decoy->sites[i]);
	site_release(decoy->plain);
	free(decoy);
	control->decoy = NULL;
}
