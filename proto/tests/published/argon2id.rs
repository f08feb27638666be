//! Argon2id (RFC 9106), version 0x13: `argon2`.

use crate::support::unhex;
use argon2::{Algorithm, Argon2, AssociatedData, Params, ParamsBuilder, Version};

#[test]
fn argon2id_gives_the_tag_of_rfc_9106_section_5_3() {
    let params = ParamsBuilder::new()
        .m_cost(32)
        .t_cost(3)
        .p_cost(4)
        .data(AssociatedData::new(&[0x04; 12]).unwrap())
        .build()
        .unwrap();
    let argon2 = Argon2::new_with_secret(&[0x03; 8], Algorithm::Argon2id, Version::V0x13, params).unwrap();
    let mut tag = [0; 32];
    argon2.hash_password_into(&[0x01; 32], &[0x02; 16], &mut tag).unwrap();
    assert_eq!(tag[..], unhex("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"));
}

#[test]
fn argon2id_gives_the_reference_tag_with_the_protocol_s_memory_and_lanes() {
    // The reference implementation's test with 65,536 KiB, t = 2, p = 1 (phc-winner-argon2, src/test.c).
    let params = Params::new(65_536, 2, 1, Some(32)).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut tag = [0; 32];
    argon2.hash_password_into(b"password", b"somesalt", &mut tag).unwrap();
    assert_eq!(tag[..], unhex("09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"));
}
