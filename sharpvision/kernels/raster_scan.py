"""The rasteriser's inner loops on a CPU, in C++ that Warp's own compiler builds: a face over its pixels, a row at once.

Warp's loops compile to one pixel at a time, three times slower. Edges are e - s i in pixel i, in 32 bits for faces
below 64 pixels, in 64 bits otherwise. Slots come in ascending order, so of equal keys the first one stays.
"""

from functools import cache
from types import SimpleNamespace

import warp as wp

from sharpvision.kernels.launch import start_warp

start_warp()

_SCAN = """
    auto* keys = key_buffer.data;
    int* face_ids = face_buffer.data;
    int* entries = entry_buffer.data;
    using Real = decltype(slope_x);
    const int count = box[2] - box[0] + 1;
    const int left = box[0] * 256 + 128 - origin[0];
    for (int y = box[1]; y <= box[3]; ++y) {
        const Real row_key = first_key + slope_y * (Real)(y * 256 + 128 - origin[1]);
        const long long row = (long long)base + (long long)y * width + box[0];
        #pragma clang loop vectorize(assume_safety) vectorize_predicate(enable) interleave_count(1)
        for (int i = 0; i < count; ++i) {
            const Real key = row_key + slope_x * (Real)(left + 256 * i);
            if (((e0 - s0 * i) | (e1 - s1 * i) | (e2 - s2 * i)) >= 0 && key < keys[row + i]) {
                keys[row + i] = key;
                face_ids[row + i] = face;
                entries[row + i] = entry + ((box[0] + i) >> 4);
            }
        }
        e0 += t0;
        e1 += t1;
        e2 += t2;
    }
"""

# For a face below 64 pixels, in blocks of eight columns held in vectors: most faces need one, and a loop as above
# spends more on its start and end. A block may begin left of the box or end right of it: no centre there is inside.
_SCAN_SMALL = """
#if !defined(__CUDA_ARCH__)
    auto* keys = key_buffer.data;
    using Real = decltype(slope_x);
    typedef int ints __attribute__((ext_vector_type(8)));
    typedef Real lanes __attribute__((ext_vector_type(8)));
    typedef decltype(lanes() > lanes()) whole;
    const ints number = {0, 1, 2, 3, 4, 5, 6, 7};
    for (int first = box[0]; first <= box[2]; first += 8) {
        const int x = first < width - 8 ? first : width - 8;
        const ints column = number + (x - box[0]);
        ints d0 = e0 - s0 * column, d1 = e1 - s1 * column, d2 = e2 - s2 * column;
        const ints entries_at = entry + ((number + x) >> 4);
        const lanes along = slope_x * __builtin_convertvector(number * 256 + (x * 256 + 128 - origin[0]), lanes);
        for (int y = box[1]; y <= box[3]; ++y) {
            const ints inside = (d0 | d1 | d2) >= 0;
            d0 += t0;
            d1 += t1;
            d2 += t2;
            const long long pixel = (long long)base + (long long)y * width + x;
            const Real row_key = first_key + slope_y * (Real)(y * 256 + 128 - origin[1]);
            const lanes key = row_key + along;
            lanes kept;
            __builtin_memcpy(&kept, keys + pixel, sizeof(kept));
            const whole nearer = (key < kept) & __builtin_convertvector(inside, whole);
            kept = nearer ? key : kept;
            __builtin_memcpy(keys + pixel, &kept, sizeof(kept));
            const ints seen = __builtin_convertvector(nearer, ints);
            ints faces, entries;
            __builtin_memcpy(&faces, face_buffer.data + pixel, sizeof(faces));
            __builtin_memcpy(&entries, entry_buffer.data + pixel, sizeof(entries));
            faces = seen ? ints(face) : faces;
            entries = seen ? entries_at : entries;
            __builtin_memcpy(face_buffer.data + pixel, &faces, sizeof(faces));
            __builtin_memcpy(entry_buffer.data + pixel, &entries, sizeof(entries));
        }
    }
#endif
"""

# Faces of a band lie apart in memory: ask for those that come next, and for their corners.
_FETCH = """
#if !defined(__CUDA_ARCH__)
    if (i + 16 < stop) {
        const int s = band_slot.data[i + 16];
        __builtin_prefetch(faces.data + shift + s);
        __builtin_prefetch(box.data + s);
        __builtin_prefetch(slot_entry.data + s);
    }
    if (i + 8 < stop) {
        const auto& face = faces.data[shift + band_slot.data[i + 8]];
        for (int k = 0; k < 3; ++k) {
            __builtin_prefetch(place.data + face[k] + row);
            __builtin_prefetch(key.data + face[k] + row);
        }
    }
#endif
"""
# Nothing is nearer than infinity, nor seen, before the first face.
_CLEAR = """
    auto* keys = key_buffer.data;
    int* face_ids = face_buffer.data;
    int* entries = entry_buffer.data;
    for (long long i = start; i < end; ++i) keys[i] = nothing;
    for (long long i = start; i < end; ++i) face_ids[i] = -1;
    for (long long i = start; i < end; ++i) entries[i] = -1;
"""


@cache
def scan_functions(real: type) -> SimpleNamespace:
    """`small` and `large` draw a face, `fetch` asks for the memory of the faces to come, `clear` empties an image."""

    @wp.func_native(_SCAN_SMALL)
    def small(
        box: wp.vec4i, origin: wp.vec2i, e0: wp.int32, e1: wp.int32, e2: wp.int32, s0: wp.int32, s1: wp.int32,
        s2: wp.int32, t0: wp.int32, t1: wp.int32, t2: wp.int32, first_key: real, slope_x: real, slope_y: real,
        face: int, entry: int, base: int, width: int, key_buffer: wp.array(dtype=real),
        face_buffer: wp.array(dtype=int), entry_buffer: wp.array(dtype=int),
    ): ...  # fmt: skip

    @wp.func_native(_SCAN)
    def large(
        box: wp.vec4i, origin: wp.vec2i, e0: wp.int64, e1: wp.int64, e2: wp.int64, s0: wp.int64, s1: wp.int64,
        s2: wp.int64, t0: wp.int64, t1: wp.int64, t2: wp.int64, first_key: real, slope_x: real, slope_y: real,
        face: int, entry: int, base: int, width: int, key_buffer: wp.array(dtype=real),
        face_buffer: wp.array(dtype=int), entry_buffer: wp.array(dtype=int),
    ): ...  # fmt: skip

    @wp.func_native(_FETCH)
    def fetch(
        i: int, stop: int, shift: int, row: int, band_slot: wp.array(dtype=int), faces: wp.array(dtype=wp.vec3i),
        box: wp.array(dtype=wp.vec4i), slot_entry: wp.array(dtype=int), place: wp.array(dtype=wp.vec2i),
        key: wp.array(dtype=real),
    ): ...  # fmt: skip

    @wp.func_native(_CLEAR)
    def clear(
        start: int, end: int, nothing: real, key_buffer: wp.array(dtype=real), face_buffer: wp.array(dtype=int),
        entry_buffer: wp.array(dtype=int),
    ): ...  # fmt: skip

    return SimpleNamespace(small=small, large=large, fetch=fetch, clear=clear)
