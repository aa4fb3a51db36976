#include "daemon/holdings.h"

void holdings_init(struct holdings *holdings, size_t max) {
	*holdings = (struct holdings){.max = max};
	list_init(&holdings->all);
}

void holdings_add(struct holdings *holdings, struct holding *holding) {
	holding->size = 0;
	list_append(&holdings->all, &holding->link);
}

void holdings_remove(struct holdings *holdings, struct holding *holding) {
	holdings->total -= holding->size;
	list_remove(&holding->link);
}

void holdings_set(struct holdings *holdings, struct holding *holding, size_t size) {
	holdings->total = holdings->total - holding->size + size;
	holding->size = size;
}

struct holding *holdings_excess(const struct holdings *holdings) {
	struct holding *most = NULL;
	if (holdings->total <= holdings->max)
		return NULL;
	for (struct list *link = holdings->all.next; link != &holdings->all; link = link->next) {
		struct holding *holding = list_item(link, struct holding, link);
		if (!most || holding->size > most->size)
			most = holding;
	}
	return most;
}
