#include "cli/init_endpoint.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "conf/wg_quick_value.h"

enum err init_endpoint_parse(const char *text, uint16_t default_port,
							 char out_endpoint[static INIT_ENDPOINT_SIZE]) {
	char endpoint[INIT_ENDPOINT_SIZE];
	struct address address;
	int size;
	size_t length = strlen(text);
	if (!address_parse(text, &address) && address.family == ADDRESS_V6)
		size = snprintf(endpoint, sizeof endpoint, "[%s]:%u", text, default_port);
	else if (strchr(text, ':') && text[length - 1] != ']')
		size = snprintf(endpoint, sizeof endpoint, "%s", text);
	else
		size = snprintf(endpoint, sizeof endpoint, "%s:%u", text, default_port);
	if (size < 0 || (size_t)size >= sizeof endpoint)
		return ERR_INVALID;
	struct wg_quick_span host, span = {endpoint, (size_t)size};
	uint16_t port;
	enum err error = wg_quick_value_host(span, &host, &port);
	if (!error)
		memcpy(out_endpoint, endpoint, (size_t)size + 1);
	return error;
}

enum err init_endpoint_of(const struct address *address, uint16_t port,
						  char out_endpoint[static INIT_ENDPOINT_SIZE]) {
	char text[ADDRESS_TEXT_SIZE];
	address_format(address, text);
	return init_endpoint_parse(text, port, out_endpoint);
}

static bool has_prefix(const struct address *address, const char *text) {
	struct prefix prefix, of_address = {.address = *address};
	if (prefix_parse(text, &prefix) || prefix.address.family != address->family)
		return false;
	of_address.length = prefix.length;
	prefix_mask(&of_address);
	return prefix_equal(&prefix, &of_address);
}

bool init_endpoint_is_private(const struct address *address) {
	/* RFC 6890: private, shared with the provider, of this host, of this link, unique local */
	static const char *const prefixes[] = {
		"10.0.0.0/8",     "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8",
		"169.254.0.0/16", "::1/128",       "fe80::/10",      "fc00::/7",
	};
	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
		if (has_prefix(address, prefixes[i]))
			return true;
	return false;
}

static enum err from_socket(const struct sockaddr *socket, struct address *out_address) {
	const struct sockaddr_in *v4 = (const void *)socket;
	const struct sockaddr_in6 *v6 = (const void *)socket;
	if (socket->sa_family == AF_INET)
		*out_address = address_from_bytes(ADDRESS_V4, (const void *)&v4->sin_addr);
	else if (socket->sa_family == AF_INET6)
		*out_address = address_from_bytes(ADDRESS_V6, (const void *)&v6->sin6_addr);
	else
		return ERR_NOT_FOUND;
	return ERR_OK;
}

/* What the kernel would send from. Connecting a UDP socket looks the route up and sends nothing. */
static enum err source_towards(const struct sockaddr *target, socklen_t size,
							   struct address *out_address) {
	auto_close int descriptor = socket(target->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage own;
	socklen_t own_size = sizeof own;
	if (descriptor < 0 || connect(descriptor, target, size) ||
		getsockname(descriptor, (void *)&own, &own_size))
		return ERR_NOT_FOUND;
	return from_socket((const void *)&own, out_address);
}

/* Addresses for documentation, RFC 5737 and RFC 3849: only the default route leads to them. */
static enum err source_of_default_route(struct address *out_address) {
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(9)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
	(void)inet_pton(AF_INET, "192.0.2.1", &v4.sin_addr);
	(void)inet_pton(AF_INET6, "2001:db8::1", &v6.sin6_addr);
	if (source_towards((const void *)&v4, sizeof v4, out_address))
		return source_towards((const void *)&v6, sizeof v6, out_address);
	return ERR_OK;
}

static bool is_of_use(const struct ifaddrs *item, sa_family_t family) {
	struct address address;
	return item->ifa_addr && item->ifa_addr->sa_family == family && (item->ifa_flags & IFF_UP) &&
		   !(item->ifa_flags & IFF_LOOPBACK) && !from_socket(item->ifa_addr, &address) &&
		   !has_prefix(&address, "fe80::/10");
}

static enum err first_of_interfaces(struct address *out_address) {
	static const sa_family_t families[] = {AF_INET, AF_INET6};
	struct ifaddrs *list;
	enum err error = ERR_NOT_FOUND;
	if (getifaddrs(&list))
		return error;
	for (size_t i = 0; error && i < 2; i++)
		for (const struct ifaddrs *item = list; error && item; item = item->ifa_next)
			if (is_of_use(item, families[i]))
				error = from_socket(item->ifa_addr, out_address);
	freeifaddrs(list);
	return error;
}

enum err init_endpoint_guess(struct address *out_address) {
	return source_of_default_route(out_address) ? first_of_interfaces(out_address) : ERR_OK;
}
