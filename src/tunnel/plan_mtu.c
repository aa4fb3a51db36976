#include "tunnel/plan_mtu.h"

static uint32_t inside(const struct plan_mtu_way *way) {
	uint32_t overhead = way->family == ADDRESS_V4 ? PLAN_MTU_OVERHEAD_V4 : PLAN_MTU_OVERHEAD_V6;
	return way->mtu > overhead ? way->mtu - overhead : 1;
}

uint32_t plan_mtu(const struct plan_mtu_way *ways, size_t count, bool v6) {
	uint32_t least = UINT32_MAX;
	for (size_t i = 0; i < count; i++) {
		if (ways[i].mtu == 0)
			continue;
		uint32_t mtu = inside(&ways[i]);
		if (mtu < least)
			least = mtu;
	}
	if (least == UINT32_MAX)
		return PLAN_MTU;
	uint32_t minimum = v6 ? PLAN_MTU_MIN_V6 : PLAN_MTU_MIN_V4;
	if (least < minimum)
		return minimum;
	return least < PLAN_MTU_MAX ? least : PLAN_MTU_MAX;
}
