//! Country names in English → ISO 3166-1 alpha-2. Okta writes names, every other provider codes.
//!
//! The names are those of ISO 3166-1 (short, official and common), and variants that geolocation services use. Kosovo has the
//! user-assigned code XK, as everywhere.

/// Name with its ASCII letters in lower case → code, sorted by the bytes of the name.
#[rustfmt::skip]
const NAMES: &[(&str, &str)] = &[
    ("afghanistan", "AF"), ("aland islands", "AX"), ("albania", "AL"), ("algeria", "DZ"), ("american samoa", "AS"),
    ("andorra", "AD"), ("angola", "AO"), ("anguilla", "AI"), ("antarctica", "AQ"), ("antigua & barbuda", "AG"),
    ("antigua and barbuda", "AG"), ("arab republic of egypt", "EG"), ("argentina", "AR"),
    ("argentine republic", "AR"), ("armenia", "AM"), ("aruba", "AW"), ("australia", "AU"), ("austria", "AT"),
    ("azerbaijan", "AZ"), ("bahamas", "BS"), ("bahrain", "BH"), ("bangladesh", "BD"), ("barbados", "BB"),
    ("belarus", "BY"), ("belgium", "BE"), ("belize", "BZ"), ("benin", "BJ"), ("bermuda", "BM"), ("bhutan", "BT"),
    ("bolivarian republic of venezuela", "VE"), ("bolivia", "BO"), ("bolivia, plurinational state of", "BO"),
    ("bonaire, saint eustatius and saba", "BQ"), ("bonaire, sint eustatius and saba", "BQ"),
    ("bonaire, sint eustatius, and saba", "BQ"), ("bosnia", "BA"), ("bosnia & herzegovina", "BA"),
    ("bosnia and herzegovina", "BA"), ("botswana", "BW"), ("bouvet island", "BV"), ("brazil", "BR"),
    ("britain (uk)", "GB"), ("british indian ocean territory", "IO"), ("british virgin islands", "VG"),
    ("brunei", "BN"), ("brunei darussalam", "BN"), ("bulgaria", "BG"), ("burkina faso", "BF"), ("burma", "MM"),
    ("burundi", "BI"), ("cabo verde", "CV"), ("cambodia", "KH"), ("cameroon", "CM"), ("canada", "CA"),
    ("cape verde", "CV"), ("caribbean netherlands", "BQ"), ("caribbean nl", "BQ"), ("cayman islands", "KY"),
    ("central african rep.", "CF"), ("central african republic", "CF"), ("chad", "TD"), ("chile", "CL"),
    ("china", "CN"), ("christmas island", "CX"), ("cocos (keeling) islands", "CC"), ("cocos islands", "CC"),
    ("colombia", "CO"), ("commonwealth of dominica", "DM"), ("commonwealth of the bahamas", "BS"),
    ("commonwealth of the northern mariana islands", "MP"), ("comoros", "KM"), ("congo", "CG"),
    ("congo (dem. rep.)", "CD"), ("congo (rep.)", "CG"), ("congo - brazzaville", "CG"), ("congo - kinshasa", "CD"),
    ("congo republic", "CG"), ("congo, democratic republic of the", "CD"),
    ("congo, the democratic republic of the", "CD"), ("cook islands", "CK"), ("costa rica", "CR"),
    ("cote d'ivoire", "CI"), ("croatia", "HR"), ("cuba", "CU"), ("curacao", "CW"), ("curaçao", "CW"),
    ("cyprus", "CY"), ("czech republic", "CZ"), ("czechia", "CZ"), ("côte d'ivoire", "CI"),
    ("democratic people's republic of korea", "KP"), ("democratic republic of sao tome and principe", "ST"),
    ("democratic republic of the congo", "CD"), ("democratic republic of timor-leste", "TL"),
    ("democratic socialist republic of sri lanka", "LK"), ("denmark", "DK"), ("djibouti", "DJ"), ("dominica", "DM"),
    ("dominican republic", "DO"), ("dr congo", "CD"), ("east timor", "TL"), ("eastern republic of uruguay", "UY"),
    ("ecuador", "EC"), ("egypt", "EG"), ("el salvador", "SV"), ("england", "GB"), ("equatorial guinea", "GQ"),
    ("eritrea", "ER"), ("estonia", "EE"), ("eswatini", "SZ"), ("eswatini (swaziland)", "SZ"), ("ethiopia", "ET"),
    ("falkland islands", "FK"), ("falkland islands (malvinas)", "FK"), ("faroe islands", "FO"),
    ("federal democratic republic of ethiopia", "ET"), ("federal democratic republic of nepal", "NP"),
    ("federal republic of germany", "DE"), ("federal republic of nigeria", "NG"),
    ("federal republic of somalia", "SO"), ("federated states of micronesia", "FM"),
    ("federative republic of brazil", "BR"), ("fiji", "FJ"), ("finland", "FI"), ("france", "FR"),
    ("french guiana", "GF"), ("french polynesia", "PF"), ("french republic", "FR"), ("french s. terr.", "TF"),
    ("french southern territories", "TF"), ("gabon", "GA"), ("gabonese republic", "GA"), ("gambia", "GM"),
    ("georgia", "GE"), ("germany", "DE"), ("ghana", "GH"), ("gibraltar", "GI"), ("grand duchy of luxembourg", "LU"),
    ("great britain", "GB"), ("greece", "GR"), ("greenland", "GL"), ("grenada", "GD"), ("guadeloupe", "GP"),
    ("guam", "GU"), ("guatemala", "GT"), ("guernsey", "GG"), ("guinea", "GN"), ("guinea-bissau", "GW"),
    ("guyana", "GY"), ("haiti", "HT"), ("hashemite kingdom of jordan", "JO"),
    ("heard island & mcdonald islands", "HM"), ("heard island and mcdonald islands", "HM"),
    ("hellenic republic", "GR"), ("holland", "NL"), ("holy see", "VA"), ("holy see (vatican city state)", "VA"),
    ("honduras", "HN"), ("hong kong", "HK"), ("hong kong sar china", "HK"),
    ("hong kong special administrative region of china", "HK"), ("hungary", "HU"), ("iceland", "IS"),
    ("independent state of papua new guinea", "PG"), ("independent state of samoa", "WS"), ("india", "IN"),
    ("indonesia", "ID"), ("iran", "IR"), ("iran, islamic republic of", "IR"), ("iraq", "IQ"), ("ireland", "IE"),
    ("islamic republic of afghanistan", "AF"), ("islamic republic of iran", "IR"),
    ("islamic republic of mauritania", "MR"), ("islamic republic of pakistan", "PK"), ("isle of man", "IM"),
    ("israel", "IL"), ("italian republic", "IT"), ("italy", "IT"), ("ivory coast", "CI"), ("jamaica", "JM"),
    ("japan", "JP"), ("jersey", "JE"), ("jordan", "JO"), ("kazakhstan", "KZ"), ("kenya", "KE"),
    ("kingdom of bahrain", "BH"), ("kingdom of belgium", "BE"), ("kingdom of bhutan", "BT"),
    ("kingdom of cambodia", "KH"), ("kingdom of denmark", "DK"), ("kingdom of eswatini", "SZ"),
    ("kingdom of lesotho", "LS"), ("kingdom of morocco", "MA"), ("kingdom of norway", "NO"),
    ("kingdom of saudi arabia", "SA"), ("kingdom of spain", "ES"), ("kingdom of sweden", "SE"),
    ("kingdom of thailand", "TH"), ("kingdom of the netherlands", "NL"), ("kingdom of tonga", "TO"),
    ("kiribati", "KI"), ("korea", "KR"), ("korea (north)", "KP"), ("korea (south)", "KR"),
    ("korea, democratic people's republic of", "KP"), ("korea, republic of", "KR"), ("kosovo", "XK"),
    ("kuwait", "KW"), ("kyrgyz republic", "KG"), ("kyrgyzstan", "KG"), ("lao people's democratic republic", "LA"),
    ("laos", "LA"), ("latvia", "LV"), ("lebanese republic", "LB"), ("lebanon", "LB"), ("lesotho", "LS"),
    ("liberia", "LR"), ("libya", "LY"), ("liechtenstein", "LI"), ("lithuania", "LT"), ("luxembourg", "LU"),
    ("macao", "MO"), ("macao sar china", "MO"), ("macao special administrative region of china", "MO"),
    ("macau", "MO"), ("macedonia", "MK"), ("madagascar", "MG"), ("malawi", "MW"), ("malaysia", "MY"),
    ("maldives", "MV"), ("mali", "ML"), ("malta", "MT"), ("marshall islands", "MH"), ("martinique", "MQ"),
    ("mauritania", "MR"), ("mauritius", "MU"), ("mayotte", "YT"), ("mexico", "MX"), ("micronesia", "FM"),
    ("micronesia, federated states of", "FM"), ("moldova", "MD"), ("moldova, republic of", "MD"), ("monaco", "MC"),
    ("mongolia", "MN"), ("montenegro", "ME"), ("montserrat", "MS"), ("morocco", "MA"), ("mozambique", "MZ"),
    ("myanmar", "MM"), ("myanmar (burma)", "MM"), ("namibia", "NA"), ("nauru", "NR"), ("nepal", "NP"),
    ("netherlands", "NL"), ("new caledonia", "NC"), ("new zealand", "NZ"), ("nicaragua", "NI"), ("niger", "NE"),
    ("nigeria", "NG"), ("niue", "NU"), ("norfolk island", "NF"), ("north korea", "KP"), ("north macedonia", "MK"),
    ("northern ireland", "GB"), ("northern mariana islands", "MP"), ("norway", "NO"), ("oman", "OM"),
    ("pakistan", "PK"), ("palau", "PW"), ("palestine", "PS"), ("palestine, state of", "PS"),
    ("palestinian territories", "PS"), ("palestinian territory", "PS"), ("palestinian territory, occupied", "PS"),
    ("panama", "PA"), ("papua new guinea", "PG"), ("paraguay", "PY"),
    ("people's democratic republic of algeria", "DZ"), ("people's republic of bangladesh", "BD"),
    ("people's republic of china", "CN"), ("peru", "PE"), ("philippines", "PH"), ("pitcairn", "PN"),
    ("pitcairn islands", "PN"), ("plurinational state of bolivia", "BO"), ("poland", "PL"), ("portugal", "PT"),
    ("portuguese republic", "PT"), ("principality of andorra", "AD"), ("principality of liechtenstein", "LI"),
    ("principality of monaco", "MC"), ("puerto rico", "PR"), ("qatar", "QA"), ("republic of albania", "AL"),
    ("republic of angola", "AO"), ("republic of armenia", "AM"), ("republic of austria", "AT"),
    ("republic of azerbaijan", "AZ"), ("republic of belarus", "BY"), ("republic of benin", "BJ"),
    ("republic of bosnia and herzegovina", "BA"), ("republic of botswana", "BW"), ("republic of bulgaria", "BG"),
    ("republic of burundi", "BI"), ("republic of cabo verde", "CV"), ("republic of cameroon", "CM"),
    ("republic of chad", "TD"), ("republic of chile", "CL"), ("republic of colombia", "CO"),
    ("republic of costa rica", "CR"), ("republic of cote d'ivoire", "CI"), ("republic of croatia", "HR"),
    ("republic of cuba", "CU"), ("republic of cyprus", "CY"), ("republic of côte d'ivoire", "CI"),
    ("republic of djibouti", "DJ"), ("republic of ecuador", "EC"), ("republic of el salvador", "SV"),
    ("republic of equatorial guinea", "GQ"), ("republic of estonia", "EE"), ("republic of fiji", "FJ"),
    ("republic of finland", "FI"), ("republic of ghana", "GH"), ("republic of guatemala", "GT"),
    ("republic of guinea", "GN"), ("republic of guinea-bissau", "GW"), ("republic of guyana", "GY"),
    ("republic of haiti", "HT"), ("republic of honduras", "HN"), ("republic of iceland", "IS"),
    ("republic of india", "IN"), ("republic of indonesia", "ID"), ("republic of iraq", "IQ"),
    ("republic of ireland", "IE"), ("republic of kazakhstan", "KZ"), ("republic of kenya", "KE"),
    ("republic of kiribati", "KI"), ("republic of korea", "KR"), ("republic of latvia", "LV"),
    ("republic of liberia", "LR"), ("republic of lithuania", "LT"), ("republic of madagascar", "MG"),
    ("republic of malawi", "MW"), ("republic of maldives", "MV"), ("republic of mali", "ML"),
    ("republic of malta", "MT"), ("republic of mauritius", "MU"), ("republic of moldova", "MD"),
    ("republic of mozambique", "MZ"), ("republic of myanmar", "MM"), ("republic of namibia", "NA"),
    ("republic of nauru", "NR"), ("republic of nicaragua", "NI"), ("republic of north macedonia", "MK"),
    ("republic of palau", "PW"), ("republic of panama", "PA"), ("republic of paraguay", "PY"),
    ("republic of peru", "PE"), ("republic of poland", "PL"), ("republic of san marino", "SM"),
    ("republic of senegal", "SN"), ("republic of serbia", "RS"), ("republic of seychelles", "SC"),
    ("republic of sierra leone", "SL"), ("republic of singapore", "SG"), ("republic of slovenia", "SI"),
    ("republic of south africa", "ZA"), ("republic of south sudan", "SS"), ("republic of suriname", "SR"),
    ("republic of tajikistan", "TJ"), ("republic of the congo", "CG"), ("republic of the gambia", "GM"),
    ("republic of the marshall islands", "MH"), ("republic of the niger", "NE"),
    ("republic of the philippines", "PH"), ("republic of the sudan", "SD"), ("republic of trinidad and tobago", "TT"),
    ("republic of tunisia", "TN"), ("republic of turkiye", "TR"), ("republic of türkiye", "TR"),
    ("republic of uganda", "UG"), ("republic of uzbekistan", "UZ"), ("republic of vanuatu", "VU"),
    ("republic of yemen", "YE"), ("republic of zambia", "ZM"), ("republic of zimbabwe", "ZW"), ("reunion", "RE"),
    ("romania", "RO"), ("russia", "RU"), ("russian federation", "RU"), ("rwanda", "RW"), ("rwandese republic", "RW"),
    ("réunion", "RE"), ("saint barthelemy", "BL"), ("saint barthélemy", "BL"), ("saint helena", "SH"),
    ("saint helena, ascension and tristan da cunha", "SH"), ("saint kitts and nevis", "KN"), ("saint lucia", "LC"),
    ("saint martin", "MF"), ("saint martin (french part)", "MF"), ("saint pierre and miquelon", "PM"),
    ("saint vincent and the grenadines", "VC"), ("samoa", "WS"), ("samoa (american)", "AS"),
    ("samoa (western)", "WS"), ("san marino", "SM"), ("sao tome & principe", "ST"), ("sao tome and principe", "ST"),
    ("saudi arabia", "SA"), ("scotland", "GB"), ("senegal", "SN"), ("serbia", "RS"), ("seychelles", "SC"),
    ("sierra leone", "SL"), ("singapore", "SG"), ("sint maarten", "SX"), ("sint maarten (dutch part)", "SX"),
    ("slovak republic", "SK"), ("slovakia", "SK"), ("slovenia", "SI"), ("socialist republic of viet nam", "VN"),
    ("solomon islands", "SB"), ("somalia", "SO"), ("south africa", "ZA"),
    ("south georgia & the south sandwich islands", "GS"), ("south georgia and the south sandwich islands", "GS"),
    ("south korea", "KR"), ("south sudan", "SS"), ("spain", "ES"), ("sri lanka", "LK"), ("st barthelemy", "BL"),
    ("st helena", "SH"), ("st kitts & nevis", "KN"), ("st kitts and nevis", "KN"), ("st lucia", "LC"),
    ("st maarten (dutch)", "SX"), ("st martin (french)", "MF"), ("st pierre & miquelon", "PM"), ("st vincent", "VC"),
    ("st vincent and the grenadines", "VC"), ("st. helena", "SH"), ("st. kitts and nevis", "KN"), ("st. lucia", "LC"),
    ("st. martin", "MF"), ("st. pierre and miquelon", "PM"), ("st. vincent and the grenadines", "VC"),
    ("state of israel", "IL"), ("state of kuwait", "KW"), ("state of qatar", "QA"), ("sudan", "SD"),
    ("sultanate of oman", "OM"), ("suriname", "SR"), ("svalbard & jan mayen", "SJ"), ("svalbard and jan mayen", "SJ"),
    ("swaziland", "SZ"), ("sweden", "SE"), ("swiss confederation", "CH"), ("switzerland", "CH"), ("syria", "SY"),
    ("syrian arab republic", "SY"), ("taiwan", "TW"), ("taiwan, province of china", "TW"), ("tajikistan", "TJ"),
    ("tanzania", "TZ"), ("tanzania, united republic of", "TZ"), ("thailand", "TH"), ("the bahamas", "BS"),
    ("the gambia", "GM"), ("the netherlands", "NL"), ("the state of eritrea", "ER"), ("the state of palestine", "PS"),
    ("timor-leste", "TL"), ("togo", "TG"), ("togolese republic", "TG"), ("tokelau", "TK"), ("tonga", "TO"),
    ("trinidad & tobago", "TT"), ("trinidad and tobago", "TT"), ("tunisia", "TN"), ("turkey", "TR"),
    ("turkiye", "TR"), ("turkmenistan", "TM"), ("turks & caicos is", "TC"), ("turks and caicos islands", "TC"),
    ("tuvalu", "TV"), ("türkiye", "TR"), ("u.s. outlying islands", "UM"), ("u.s. virgin islands", "VI"),
    ("u.s.a.", "US"), ("uae", "AE"), ("uganda", "UG"), ("uk", "GB"), ("ukraine", "UA"),
    ("union of the comoros", "KM"), ("united arab emirates", "AE"), ("united kingdom", "GB"),
    ("united kingdom of great britain and northern ireland", "GB"), ("united mexican states", "MX"),
    ("united republic of tanzania", "TZ"), ("united states", "US"), ("united states minor outlying islands", "UM"),
    ("united states of america", "US"), ("united states virgin islands", "VI"), ("uruguay", "UY"),
    ("us minor outlying islands", "UM"), ("us virgin islands", "VI"), ("usa", "US"), ("uzbekistan", "UZ"),
    ("vanuatu", "VU"), ("vatican", "VA"), ("vatican city", "VA"), ("venezuela", "VE"),
    ("venezuela, bolivarian republic of", "VE"), ("viet nam", "VN"), ("vietnam", "VN"), ("virgin islands (uk)", "VG"),
    ("virgin islands (us)", "VI"), ("virgin islands of the united states", "VI"), ("virgin islands, british", "VG"),
    ("virgin islands, u.s.", "VI"), ("wales", "GB"), ("wallis & futuna", "WF"), ("wallis and futuna", "WF"),
    ("western sahara", "EH"), ("yemen", "YE"), ("zambia", "ZM"), ("zimbabwe", "ZW"), ("Åland islands", "AX"),
];

/// The code of a country, from its English name in any case or from the code itself; `None` when nobody knows it.
pub(crate) fn code(text: &str) -> Option<&str> {
    let text = text.trim();
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Some(text);
    }
    let lower = |byte: u8| byte.to_ascii_lowercase();
    let found = NAMES.binary_search_by(|(name, _)| name.bytes().cmp(text.bytes().map(lower)));
    found.ok().and_then(|at| NAMES.get(at)).map(|(_, code)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_covers_every_country() {
        assert!(NAMES.windows(2).all(|pair| pair[0].0.as_bytes() < pair[1].0.as_bytes()));
        let codes: std::collections::BTreeSet<&str> = NAMES.iter().map(|(_, code)| *code).collect();
        assert_eq!(codes.len(), 250, "249 of ISO 3166-1, and Kosovo");
    }

    #[test]
    fn a_name_has_a_code_in_any_case() {
        for (name, expected) in [
            ("United States", Some("US")),
            ("united states of america", Some("US")),
            ("Canada", Some("CA")),
            ("Russia", Some("RU")),
            ("Korea, Republic of", Some("KR")),
            ("Türkiye", Some("TR")),
            ("Turkey", Some("TR")),
            ("Côte d'Ivoire", Some("CI")),
            ("Vietnam", Some("VN")),
            ("IE", Some("IE")),
            ("Atlantis", None),
            ("", None),
        ] {
            assert_eq!(code(name), expected, "{name}");
        }
    }
}
