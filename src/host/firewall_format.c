#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/firewall.h"

/*
 * See libnftables-json(5). Names are checked and addresses are texts of our own making, so nothing
 * needs quoting; and as neither has apostrophes, the templates have them in the place of quotation
 * marks.
 */

enum { NAME_SIZE_MAX = 15, COMMAND_SIZE = 1024 };

#define IN_TABLE "'family':'inet','table':'umbra'"
#define IN "{'match':{'op':'==','left':{'meta':{'key':'iifname'}},'right':'%s'}}"
#define OUT "{'match':{'op':'==','left':{'meta':{'key':'oifname'}},'right':'%s'}}"
#define NOT_IN "{'match':{'op':'!=','left':{'meta':{'key':'iifname'}},'right':'%s'}}"
#define NOT_OUT "{'match':{'op':'!=','left':{'meta':{'key':'oifname'}},'right':'%s'}}"
#define TO "{'match':{'op':'==','left':{'payload':{'protocol':'%s','field':'daddr'}},'right':'%s'}}"
#define FROM_NETWORK                                                            \
	"{'match':{'op':'==','left':{'payload':{'protocol':'%s','field':'saddr'}}," \
	"'right':{'prefix':{'addr':'%s','len':%u}}}}"
#define NOT_FROM_HERE \
	"{'match':{'op':'!=','left':{'fib':{'result':'type','flags':['saddr']}},'right':'local'}}"
#define UDP "{'match':{'op':'==','left':{'meta':{'key':'l4proto'}},'right':'udp'}}"
#define MARKED "{'match':{'op':'==','left':{'meta':{'key':'mark'}},'right':%" PRIu32 "}}"
#define FLOW_MARKED "{'match':{'op':'==','left':{'ct':{'key':'mark'}},'right':%" PRIu32 "}}"
#define SET_MARK "{'mangle':{'key':{'meta':{'key':'mark'}},'value':%" PRIu32 "}}"
#define SET_FLOW_MARK "{'mangle':{'key':{'ct':{'key':'mark'}},'value':%" PRIu32 "}}"
#define TCP_SYN                                                                        \
	"{'match':{'op':'==','left':{'&':[{'payload':{'protocol':'tcp','field':'flags'}}," \
	"['syn','rst']]},'right':'syn'}}"
#define CLAMP                 \
	"{'mangle':{'key':{'tcp " \
	"option':{'name':'maxseg','field':'size'}},'value':{'rt':{'key':'mtu'}}}}"
#define DROP "{'drop':null}"
#define ACCEPT "{'accept':null}"
#define MASQUERADE "{'masquerade':null}"

struct writer {
	FILE *stream;
	bool failed;
};

static void put(struct writer *writer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void put(struct writer *writer, const char *format, ...) {
	char text[COMMAND_SIZE];
	va_list arguments;
	va_start(arguments, format);
	int size = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (size < 0 || size >= (int)sizeof text) {
		writer->failed = true;
		return;
	}
	for (char *at = text; (at = strchr(at, '\''));)
		*at = '"';
	(void)fputs(text, writer->stream);
}

#define put_rule(writer, chain, expressions, ...)                                                  \
	put(writer, ",\n{'add':{'rule':{" IN_TABLE ",'chain':'" chain "','expr':[" expressions "]}}}", \
		__VA_ARGS__)

static void put_chain(struct writer *writer, const char *name, const char *type, const char *hook,
					  int priority) {
	put(writer,
		",\n{'add':{'chain':{" IN_TABLE
		",'name':'%s','type':'%s','hook':'%s','prio':%d,'policy':'accept'}}}",
		name, type, hook, priority);
}

static const char *protocol_of(const struct prefix *prefix) {
	return prefix->address.family == ADDRESS_V4 ? "ip" : "ip6";
}

static bool keeps_mark(const struct firewall_tunnel *tunnel) {
	return tunnel->default_mark && tunnel->mark != 0;
}

static void put_guard(struct writer *writer, const struct firewall_tunnel *tunnel) {
	for (size_t i = 0; i < tunnel->address_count; i++) {
		const struct prefix *address = &tunnel->addresses[i];
		char text[ADDRESS_TEXT_SIZE];
		address_format(&address->address, text);
		put_rule(writer, "guard", NOT_IN "," NOT_IN "," TO "," NOT_FROM_HERE "," DROP, tunnel->name,
				 "lo", protocol_of(address), text);
	}
}

/* Only marks of ours are given to packets: others' use of flows' marks stays as it is. */
static void put_mark(struct writer *writer, const struct firewall_tunnel *tunnel) {
	put_rule(writer, "restore", UDP "," FLOW_MARKED "," SET_MARK, tunnel->mark, tunnel->mark);
	put_rule(writer, "save", UDP "," MARKED "," SET_FLOW_MARK, tunnel->mark, tunnel->mark);
}

/* nft looks at the routes of both directions, takes the smaller MTU, and never raises a size. */
static void put_forward(struct writer *writer, const struct firewall_tunnel *tunnel) {
	put_rule(writer, "forward", IN "," TCP_SYN "," CLAMP, tunnel->name);
	put_rule(writer, "forward", OUT "," TCP_SYN "," CLAMP, tunnel->name);
	put_rule(writer, "forward", IN "," ACCEPT, tunnel->name);
	put_rule(writer, "forward", OUT "," ACCEPT, tunnel->name);
}

static void put_hide(struct writer *writer, const struct firewall_tunnel *tunnel) {
	for (size_t i = 0; i < tunnel->address_count; i++) {
		struct prefix network = tunnel->addresses[i];
		prefix_mask(&network);
		char text[ADDRESS_TEXT_SIZE];
		address_format(&network.address, text);
		put_rule(writer, "hide", FROM_NETWORK "," NOT_OUT "," NOT_OUT "," MASQUERADE,
				 protocol_of(&network), text, network.length, tunnel->name, "lo");
	}
}

/* Only chains that are needed: some make the kernel track every connection of the host. */
static void put_chains(struct writer *writer, const struct firewall_tunnel *tunnels, size_t count) {
	bool guard = false, mark = false, forward = false, hide = false;
	for (size_t i = 0; i < count; i++) {
		guard |= tunnels[i].address_count > 0;
		mark |= keeps_mark(&tunnels[i]);
		forward |= tunnels[i].forward;
		hide |= tunnels[i].masquerade;
	}
	if (guard)
		put_chain(writer, "guard", "filter", "prerouting", -300);
	if (mark) {
		put_chain(writer, "restore", "filter", "prerouting", -150);
		put_chain(writer, "save", "filter", "postrouting", -150);
	}
	if (forward)
		put_chain(writer, "forward", "filter", "forward", 0);
	if (hide)
		put_chain(writer, "hide", "nat", "postrouting", 100);
}

static void put_all(struct writer *writer, const struct firewall_tunnel *tunnels, size_t count) {
	/* Adding it first makes that there is one to delete. */
	put(writer, "{'nftables':[\n{'add':{'table':{'family':'inet','name':'umbra'}}},\n"
				"{'delete':{'table':{'family':'inet','name':'umbra'}}}");
	if (count > 0)
		put(writer, ",\n{'add':{'table':{'family':'inet','name':'umbra'}}}");
	put_chains(writer, tunnels, count);
	for (size_t i = 0; i < count; i++) {
		put_guard(writer, &tunnels[i]);
		if (keeps_mark(&tunnels[i]))
			put_mark(writer, &tunnels[i]);
		if (tunnels[i].forward)
			put_forward(writer, &tunnels[i]);
		if (tunnels[i].masquerade)
			put_hide(writer, &tunnels[i]);
	}
	put(writer, "\n]}\n");
}

static bool is_name(const char *name) {
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
								  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t size = strlen(name);
	return size > 0 && size <= NAME_SIZE_MAX && strspn(name, allowed) == size;
}

static bool is_valid(const struct firewall_tunnel *tunnel) {
	if (!is_name(tunnel->name))
		return false;
	for (size_t i = 0; i < tunnel->address_count; i++)
		if (address_size(&tunnel->addresses[i].address) == 0)
			return false;
	return true;
}

enum err firewall_format(const struct firewall_tunnel *tunnels, size_t count, char **out_text,
						 size_t *out_size) {
	for (size_t i = 0; i < count; i++)
		if (!is_valid(&tunnels[i]))
			return ERR_INVALID;
	char *text = NULL;
	size_t size = 0;
	struct writer writer = {.stream = open_memstream(&text, &size)};
	if (!writer.stream)
		return ERR_NO_MEMORY;
	put_all(&writer, tunnels, count);
	bool failed = ferror(writer.stream);
	failed |= fclose(writer.stream) != 0;
	enum err error = ERR_OK;
	if (failed)
		error = ERR_NO_MEMORY;
	else if (writer.failed || size > FIREWALL_TEXT_MAX)
		error = ERR_LIMIT;
	if (error) {
		free(text);
		return error;
	}
	*out_text = text;
	*out_size = size;
	return ERR_OK;
}
