//! Vectors of Kafka's own `UtilsTest.testMurmur2`.

use super::*;

#[test]
fn the_hash_is_that_of_the_java_client() {
    let table: [(&[u8], i32); 6] = [
        (b"21", -973_932_308),
        (b"foobar", -790_332_482),
        (b"a-little-bit-long-string", -985_981_536),
        (b"a-little-bit-longer-string", -1_486_304_829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        (b"abc", 479_470_107),
    ];
    for (key, hash) in table {
        assert_eq!(murmur2(key) as i32, hash, "{}", String::from_utf8_lossy(key));
    }
}

#[test]
fn a_key_keeps_its_partition_and_a_negative_hash_has_one() {
    assert_eq!(of_key(b"21", 3), ((-973_932_308_i32 & 0x7fff_ffff) % 3) as usize);
    assert_eq!(of_key(b"", 1), 0);
    assert!((0..200_u8).map(|n| of_key(&[n], 3)).collect::<std::collections::BTreeSet<_>>().len() == 3);
}
