#include "wire/dns.h"

#include <string.h>

#include "wire/cursor.h"

enum {
	SECTIONS = 3,
	HINT_V4 = 4, /* keys of RFC 9460 section 14.3.2 */
	HINT_V6 = 6,
	TTL_MAX = 0x7fffffff, /* RFC 2181 section 8: more is 0 */
};

struct header {
	uint16_t id, flags, questions, records[SECTIONS];
};

static struct header read_header(struct reader *reader) {
	struct header header = {.id = reader_u16_be(reader)};
	header.flags = reader_u16_be(reader);
	header.questions = reader_u16_be(reader);
	for (size_t i = 0; i < SECTIONS; i++)
		header.records[i] = reader_u16_be(reader);
	return header;
}

static void read_question(struct reader *reader, const uint8_t *data, size_t size,
						  struct dns_question *question) {
	/* There is nothing yet that a pointer could lead to. */
	dns_name_read(reader, data, size, false, &question->name);
	question->type = reader_u16_be(reader);
	question->class = reader_u16_be(reader);
	question->size = (size_t)(reader->at - data);
}

enum err dns_question_decode(const uint8_t *data, size_t size, struct dns_question *out_question) {
	struct reader reader = reader_of(data, size);
	struct header header = read_header(&reader);
	struct dns_question question = {.id = header.id, .flags = header.flags};
	if (!reader.error && (header.questions != 1 || (header.flags & DNS_FLAGS_OPCODE) != 0))
		reader_fail(&reader, ERR_UNSUPPORTED);
	read_question(&reader, data, size, &question);
	if (reader.error)
		return reader.error;
	*out_question = question;
	return ERR_OK;
}

bool dns_question_is_answered(const struct dns_question *query, const struct dns_question *answer) {
	return (answer->flags & DNS_FLAG_ANSWER) && query->id == answer->id &&
		   query->type == answer->type && query->class == answer->class &&
		   dns_name_equal(&query->name, &answer->name);
}

void dns_set_id(uint8_t *data, uint16_t id) {
	struct writer writer = writer_of(data, sizeof id);
	writer_u16_be(&writer, id);
}

size_t dns_answer_encode(const uint8_t *data, const struct dns_question *question,
						 enum dns_rcode rcode, uint16_t flags,
						 uint8_t out_data[static DNS_QUESTION_MAX]) {
	struct writer writer = writer_of(out_data, DNS_QUESTION_MAX);
	uint16_t kept = question->flags & (DNS_FLAG_RECURSION_DESIRED | DNS_FLAG_CHECKING_DISABLED);
	writer_u16_be(&writer, question->id);
	writer_u16_be(
		&writer, (uint16_t)(DNS_FLAG_ANSWER | DNS_FLAG_RECURSION_AVAILABLE | kept | flags | rcode));
	writer_u16_be(&writer, 1);
	writer_zeros(&writer, SECTIONS * sizeof(uint16_t));
	/* As it was written, letters in either case. */
	writer_bytes(&writer, data + DNS_HEADER_SIZE, question->size - DNS_HEADER_SIZE);
	return writer_size(&writer);
}

/* Records */

struct record {
	struct dns_name owner;
	uint16_t type, class;
	uint32_t ttl;
	struct slice data;
};

static void read_record(struct reader *reader, const uint8_t *message, size_t size,
						struct record *record) {
	dns_name_read(reader, message, size, true, &record->owner);
	record->type = reader_u16_be(reader);
	record->class = reader_u16_be(reader);
	record->ttl = reader_u32_be(reader);
	record->data = reader_slice(reader, reader_u16_be(reader));
	if (record->ttl > TTL_MAX)
		record->ttl = 0;
}

/* A message whose question and counts were found good. */
struct message {
	const uint8_t *data;
	size_t size;
	size_t begin; /* of the records */
	uint16_t answers;
	size_t records; /* of all sections */
};

/* A reader of a record's data that knows where it ends, for names in it. */
static struct reader reader_of_data(const struct record *record) {
	return reader_of(record->data.data, record->data.size);
}

/* Names from the question's on. */
struct chain {
	struct dns_name names[DNS_CHAIN_MAX];
	size_t count;
};

static bool chain_has(const struct chain *chain, const struct dns_name *name) {
	for (size_t i = 0; i < chain->count; i++)
		if (dns_name_equal(&chain->names[i], name))
			return true;
	return false;
}

static enum err visit(const struct message *message,
					  enum err (*look)(void *context, const struct message *message,
									   const struct record *record),
					  void *context) {
	struct reader reader =
		reader_of(message->data + message->begin, message->size - message->begin);
	for (size_t i = 0; i < message->answers; i++) {
		struct record record;
		read_record(&reader, message->data, message->size, &record);
		enum err error = reader.error;
		if (!error)
			error = look(context, message, &record);
		if (error)
			return error;
	}
	return ERR_OK;
}

struct step {
	const struct chain *chain;
	struct dns_name next;
	bool found;
};

static enum err look_for_alias(void *context, const struct message *message,
							   const struct record *record) {
	struct step *step = context;
	if (record->type != DNS_TYPE_CNAME || record->class != DNS_CLASS_IN)
		return ERR_OK;
	struct reader reader = reader_of_data(record);
	struct dns_name target;
	dns_name_read(&reader, message->data, message->size, true, &target);
	enum err error = reader_finish(&reader);
	if (error)
		return error;
	const struct dns_name *last = &step->chain->names[step->chain->count - 1];
	if (!step->found && dns_name_equal(&record->owner, last)) {
		step->found = true;
		step->next = target;
	}
	return ERR_OK;
}

/* Records may stand in any order, so all are looked at for every step. A ring ends the chain. */
static enum err follow_aliases(const struct message *message, struct chain *chain) {
	for (;;) {
		struct step step = {.chain = chain};
		enum err error = visit(message, look_for_alias, &step);
		if (error || !step.found || chain_has(chain, &step.next))
			return error;
		if (chain->count == DNS_CHAIN_MAX)
			return ERR_LIMIT;
		chain->names[chain->count++] = step.next;
	}
}

struct search {
	struct chain chain;
	struct dns_addresses found;
};

static void add_address(struct reader *reader, enum address_family family,
						struct dns_addresses *found) {
	const uint8_t *bytes =
		reader_take(reader, family == ADDRESS_V4 ? ADDRESS_V4_SIZE : ADDRESS_V6_SIZE);
	if (!bytes)
		return;
	if (found->count == DNS_ADDRESSES_MAX) {
		reader_fail(reader, ERR_LIMIT);
		return;
	}
	found->items[found->count++] = address_from_bytes(family, bytes);
}

/* RFC 9460 section 2.2: | priority 2 | target | { key 2 | size 2 | value } … | keys ascend. */
static void read_service(struct reader *reader, const struct message *message,
						 struct search *search) {
	(void)reader_u16_be(reader);
	struct dns_name target;
	dns_name_read(reader, message->data, message->size, false, &target);
	/* The root stands for the owner. */
	if (target.size > 1 && !chain_has(&search->chain, &target))
		search->found.elsewhere = true;
	int32_t last = -1;
	while (!reader->error && reader_left(reader) > 0) {
		uint16_t key = reader_u16_be(reader);
		struct slice value = reader_slice(reader, reader_u16_be(reader));
		reader_expect(reader, key > last);
		last = key;
		if (reader->error || (key != HINT_V4 && key != HINT_V6))
			continue;
		struct reader hints = reader_of(value.data, value.size);
		reader_expect(reader, value.size > 0);
		while (!hints.error && reader_left(&hints) > 0)
			add_address(&hints, key == HINT_V4 ? ADDRESS_V4 : ADDRESS_V6, &search->found);
		if (hints.error)
			reader_fail(reader, hints.error == ERR_LIMIT ? ERR_LIMIT : ERR_MALFORMED);
	}
}

static enum err look_for_addresses(void *context, const struct message *message,
								   const struct record *record) {
	struct search *search = context;
	if (record->class != DNS_CLASS_IN || !chain_has(&search->chain, &record->owner))
		return ERR_OK;
	struct reader reader = reader_of_data(record);
	switch (record->type) {
	case DNS_TYPE_A:
		add_address(&reader, ADDRESS_V4, &search->found);
		break;
	case DNS_TYPE_AAAA:
		add_address(&reader, ADDRESS_V6, &search->found);
		break;
	case DNS_TYPE_SVCB:
	case DNS_TYPE_HTTPS:
		read_service(&reader, message, search);
		break;
	default:
		return ERR_OK;
	}
	if (record->ttl > search->found.ttl)
		search->found.ttl = record->ttl;
	return reader_finish(&reader);
}

/* All records once, to the last byte. */
static enum err check(const struct message *message) {
	struct reader reader =
		reader_of(message->data + message->begin, message->size - message->begin);
	if (message->records > DNS_RECORDS_MAX)
		return ERR_LIMIT;
	for (size_t i = 0; i < message->records && !reader.error; i++) {
		struct record record;
		read_record(&reader, message->data, message->size, &record);
	}
	return reader_finish(&reader);
}

enum err dns_addresses_decode(const uint8_t *data, size_t size,
							  struct dns_addresses *out_addresses) {
	struct dns_question question;
	enum err error = dns_question_decode(data, size, &question);
	if (error)
		return error;
	struct reader reader = reader_of(data, size);
	struct header header = read_header(&reader);
	struct message message = {
		.data = data, .size = size, .begin = question.size, .answers = header.records[0]};
	for (size_t i = 0; i < SECTIONS; i++)
		message.records += header.records[i];
	error = check(&message);
	if (error)
		return error;
	struct search search = {.chain.count = 1};
	search.chain.names[0] = question.name;
	error = follow_aliases(&message, &search.chain);
	if (!error)
		error = visit(&message, look_for_addresses, &search);
	if (!error)
		*out_addresses = search.found;
	return error;
}
