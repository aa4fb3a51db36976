#include "wire/policy_rule.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/slice.h"
#include "base/text.h"

static const char *const protocols[] = {
	[POLICY_EVERY] = "",
	[POLICY_TCP] = "tcp",
	[POLICY_UDP] = "udp",
	[POLICY_ICMP] = "icmp",
};

static const char has_name[] = "is no rule: it is about a name, and packets have none";

static bool is_about_name(const struct policy_rule *rule) {
	return rule->subject == POLICY_NAME || rule->subject == POLICY_BELOW;
}

/* The next word, and *at behind it; empty at the end. */
static struct slice take_word(const char **at) {
	*at += strspn(*at, " ");
	size_t size = strcspn(*at, " ");
	struct slice word = slice_of(*at, size);
	*at += size;
	return word;
}

static bool is_word(struct slice word, const char *text) {
	return word.size == strlen(text) && memcmp(word.data, text, word.size) == 0;
}

static enum err parse_name(const char *text, char name[static TARGET_NAME_MAX + 1]) {
	struct target target;
	enum err error = target_parse(text, 1, false, &target);
	if (error || target.type != TARGET_NAME)
		return ERR_INVALID;
	memcpy(name, target.name, sizeof target.name);
	return ERR_OK;
}

static const char *parse_subject(struct slice word, enum policy_use use, struct policy_rule *rule) {
	const char *problem =
		use == POLICY_OF_PACKETS
			? "is no rule: its second word is neither any nor an address or a prefix"
			: "is no rule: its second word is neither any nor an address, a prefix or a name";
	char text[TARGET_NAME_MAX + 4];
	if (word.size == 0 || word.size >= sizeof text)
		return problem;
	memcpy(text, word.data, word.size);
	text[word.size] = '\0';
	if (is_word(word, "any")) {
		rule->subject = POLICY_ANY;
		return NULL;
	}
	if (!prefix_parse(text, &rule->prefix)) {
		rule->subject = POLICY_PREFIX;
		return NULL;
	}
	bool is_below = strncmp(text, "*.", 2) == 0;
	rule->subject = is_below ? POLICY_BELOW : POLICY_NAME;
	if (parse_name(is_below ? text + 2 : text, rule->name))
		return problem;
	return use == POLICY_OF_PACKETS ? has_name : NULL;
}

/* Whether the word was one of a protocol. */
static bool parse_protocol(struct slice word, struct policy_rule *rule) {
	for (size_t i = POLICY_TCP; i < sizeof protocols / sizeof protocols[0]; i++) {
		if (!is_word(word, protocols[i]))
			continue;
		rule->protocol = (enum policy_protocol)i;
		return true;
	}
	return false;
}

static enum err parse_port(struct slice text, uint16_t *out_port) {
	uint64_t value;
	if (text_unsigned_parse((const char *)text.data, text.size, UINT16_MAX, &value) || value == 0)
		return ERR_INVALID;
	*out_port = (uint16_t)value;
	return ERR_OK;
}

static enum err parse_range(struct slice text, struct policy_ports *out_ports) {
	const uint8_t *dash = memchr(text.data, '-', text.size);
	size_t size = dash ? (size_t)(dash - text.data) : text.size;
	struct slice last = dash ? slice_of(dash + 1, text.size - size - 1) : text;
	if (parse_port(slice_of(text.data, size), &out_ports->first) ||
		parse_port(last, &out_ports->last) || out_ports->last < out_ports->first)
		return ERR_INVALID;
	return ERR_OK;
}

static const char *parse_ports(struct slice word, struct policy_rule *rule) {
	if (rule->protocol == POLICY_ICMP)
		return "is no rule: icmp has no ports";
	for (;;) {
		if (rule->port_count == POLICY_PORTS_MAX)
			return "is no rule: it has more than 16 ports and ranges";
		const uint8_t *comma = memchr(word.data, ',', word.size);
		size_t size = comma ? (size_t)(comma - word.data) : word.size;
		if (parse_range(slice_of(word.data, size), &rule->ports[rule->port_count++]))
			return "is no rule: ports are like 443 or 53,5000-5999, from 1 to 65535";
		if (!comma)
			return NULL;
		word = slice_of(comma + 1, word.size - size - 1);
	}
}
_Static_assert(POLICY_PORTS_MAX == 16, "the text above names it");

/* What comes behind the subject. */
static const char *parse_rest(const char *text, enum policy_use use, struct policy_rule *rule) {
	struct slice word = take_word(&text);
	const bool has_protocol = parse_protocol(word, rule);
	if (rule->protocol == POLICY_ICMP && use == POLICY_OF_STREAMS)
		return "is no rule: streams are tcp or udp";
	if (rule->protocol == POLICY_ICMP && is_about_name(rule))
		return has_name;
	if (has_protocol)
		word = take_word(&text);
	else if (word.size > 0 && (word.data[0] < '0' || word.data[0] > '9'))
		return use == POLICY_OF_STREAMS
				   ? "is no rule: its third word is neither tcp, udp nor ports"
				   : "is no rule: its third word is neither tcp, udp, icmp nor ports";
	const char *problem = word.size > 0 ? parse_ports(word, rule) : NULL;
	if (!problem && take_word(&text).size > 0)
		return "is no rule: it goes on behind its ports";
	return problem;
}

const char *policy_rule_read(const char *text, enum policy_use use, struct policy_rule *out_rule) {
	struct policy_rule rule = {.protocol = POLICY_EVERY};
	if (strnlen(text, POLICY_RULE_TEXT_MAX + 1) > POLICY_RULE_TEXT_MAX)
		return "is no rule: it is too long";
	struct slice action = take_word(&text);
	if (is_word(action, "deny"))
		rule.action = POLICY_DENY;
	else if (!is_word(action, "allow"))
		return "is no rule: it begins with neither allow nor deny";
	const char *problem = parse_subject(take_word(&text), use, &rule);
	if (!problem)
		problem = parse_rest(text, use, &rule);
	if (!problem)
		*out_rule = rule;
	return problem;
}

enum err policy_rule_parse(const char *text, struct policy_rule *out_rule) {
	return policy_rule_read(text, POLICY_OF_STREAMS, out_rule) ? ERR_INVALID : ERR_OK;
}

static void format_subject(const struct policy_rule *rule, char *text, size_t room) {
	char prefix[ADDRESS_TEXT_SIZE] = "any";
	if (rule->subject == POLICY_PREFIX)
		prefix_format(&rule->prefix, prefix);
	(void)snprintf(text, room, "%s%s", rule->subject == POLICY_BELOW ? "*." : "",
				   is_about_name(rule) ? rule->name : prefix);
}

void policy_rule_format(const struct policy_rule *rule,
						char text[static POLICY_RULE_TEXT_MAX + 1]) {
	char subject[TARGET_NAME_MAX + 3];
	format_subject(rule, subject, sizeof subject);
	size_t room = POLICY_RULE_TEXT_MAX + 1;
	size_t used =
		(size_t)snprintf(text, room, "%s %s%s%s%s", rule->action == POLICY_ALLOW ? "allow" : "deny",
						 subject, rule->protocol == POLICY_EVERY ? "" : " ",
						 protocols[rule->protocol], rule->port_count > 0 ? " " : "");
	for (size_t i = 0; i < rule->port_count && used < room; i++) {
		const struct policy_ports *ports = &rule->ports[i];
		used += (size_t)snprintf(text + used, room - used, "%s%u", i > 0 ? "," : "", ports->first);
		if (ports->last != ports->first && used < room)
			used += (size_t)snprintf(text + used, room - used, "-%u", ports->last);
	}
}

bool policy_rule_is_valid(const struct policy_rule *rule, enum policy_use use) {
	char name[TARGET_NAME_MAX + 1];
	if (rule->port_count > POLICY_PORTS_MAX || rule->action > POLICY_DENY ||
		rule->protocol > (use == POLICY_OF_STREAMS ? POLICY_UDP : POLICY_ICMP) ||
		(rule->protocol == POLICY_ICMP && (rule->port_count > 0 || is_about_name(rule))))
		return false;
	for (size_t i = 0; i < rule->port_count; i++)
		if (rule->ports[i].first == 0 || rule->ports[i].last < rule->ports[i].first)
			return false;
	switch (rule->subject) {
	case POLICY_ANY:
		return true;
	case POLICY_PREFIX:
		return address_size(&rule->prefix.address) > 0 &&
			   rule->prefix.length <= 8 * address_size(&rule->prefix.address);
	case POLICY_NAME:
	case POLICY_BELOW:
		return use != POLICY_OF_PACKETS &&
			   strnlen(rule->name, sizeof rule->name) < sizeof rule->name &&
			   !parse_name(rule->name, name);
	default:
		return false;
	}
}

bool policy_rule_covers_port(const struct policy_rule *rule, bool udp, uint16_t port) {
	if (rule->protocol != POLICY_EVERY && rule->protocol != (udp ? POLICY_UDP : POLICY_TCP))
		return false;
	for (size_t i = 0; i < rule->port_count; i++)
		if (port >= rule->ports[i].first && port <= rule->ports[i].last)
			return true;
	return rule->port_count == 0;
}

bool policy_rule_covers_address(const struct policy_rule *rule, const struct address *address) {
	const struct prefix whole = {*address, (uint8_t)(8 * address_size(address))};
	return rule->subject == POLICY_ANY ||
		   (rule->subject == POLICY_PREFIX && prefix_covers(&rule->prefix, &whole));
}

bool policy_rule_covers_name(const struct policy_rule *rule, const char *name) {
	size_t size = strlen(name), own = strlen(rule->name);
	switch (rule->subject) {
	case POLICY_ANY:
		return true;
	case POLICY_NAME:
		return strcasecmp(name, rule->name) == 0;
	case POLICY_BELOW:
		return size > own + 1 && name[size - own - 1] == '.' &&
			   strcasecmp(name + size - own, rule->name) == 0;
	default:
		return false;
	}
}
