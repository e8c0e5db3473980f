#!/usr/bin/env python3
"""Writes seed/shop.jsonl: a believable shop, the same at every run.

    seed/make_shop.py > seed/shop.jsonl

Everything is drawn from one generator with a fixed seed, and ends at a fixed
day, so the file only changes when this script does.
"""

import datetime
import json
import math
import random
import re
import sys
import unicodedata

END = datetime.datetime(2026, 10, 31, 20, 0, tzinfo=datetime.timezone.utc)
START = END - datetime.timedelta(days=18 * 365 // 12)
PRODUCTS = 400
USERS = 300
ORDERS = 3000

CLOTHES = ["XS", "S", "M", "L", "XL", "XXL"]
SHOES = [str(size) for size in range(36, 47)]
KIDS = ["98", "104", "110", "116", "122", "128"]
BEDS = ["90x200", "140x200", "160x200", "180x200"]
RINGS = ["50", "52", "54", "56", "58"]
VOLUMES = ["250 ml", "500 ml", "1 l"]

# name, sizes, (lowest, highest) price in euros, what is sold there, and of what.
CATEGORIES = [
    ("T-Shirts", CLOTHES, (12, 45), ["Tee", "Pocket Tee", "Long Sleeve Tee", "Ringer Tee"], ["Cotton", "Organic Cotton", "Slub", "Heavyweight"]),
    ("Shirts", CLOTHES, (35, 120), ["Oxford Shirt", "Overshirt", "Band Collar Shirt", "Camp Shirt"], ["Linen", "Poplin", "Flannel", "Chambray"]),
    ("Knitwear", CLOTHES, (49, 220), ["Crewneck", "Cardigan", "Rollneck", "Vest"], ["Merino", "Lambswool", "Cashmere", "Cable Knit"]),
    ("Jackets", CLOTHES, (79, 390), ["Parka", "Chore Coat", "Rain Jacket", "Bomber"], ["Waxed", "Quilted", "Waterproof", "Wool"]),
    ("Jeans", ["28", "30", "32", "34", "36", "38"], (59, 160), ["Straight Jeans", "Slim Jeans", "Wide Jeans", "Tapered Jeans"], ["Raw Denim", "Stonewashed", "Selvedge", "Stretch"]),
    ("Dresses", CLOTHES, (45, 260), ["Wrap Dress", "Shirt Dress", "Midi Dress", "Slip Dress"], ["Viscose", "Linen", "Satin", "Jersey"]),
    ("Sneakers", SHOES, (59, 180), ["Low Top", "High Top", "Court Shoe", "Slip-On"], ["Canvas", "Leather", "Suede", "Recycled"]),
    ("Boots", SHOES, (110, 320), ["Chelsea Boot", "Hiking Boot", "Desert Boot", "Lace-Up Boot"], ["Leather", "Nubuck", "Waterproof", "Oiled"]),
    ("Running", SHOES, (80, 210), ["Road Runner", "Trail Runner", "Racing Flat", "Daily Trainer"], ["Light", "Cushioned", "Carbon", "Stable"]),
    ("Bags", [], (29, 340), ["Tote", "Backpack", "Messenger Bag", "Weekender"], ["Canvas", "Leather", "Roll-Top", "Waxed"]),
    ("Hats & Caps", ["S/M", "L/XL"], (15, 70), ["Beanie", "Baseball Cap", "Bucket Hat", "Panama"], ["Wool", "Cotton", "Corduroy", "Straw"]),
    ("Socks", ["36-38", "39-42", "43-46"], (6, 25), ["Crew Socks", "Ankle Socks", "Knee Socks", "Hiking Socks"], ["Merino", "Cotton", "Bamboo", "Ribbed"]),
    ("Watches", [], (89, 890), ["Field Watch", "Diver", "Dress Watch", "Chronograph"], ["Steel", "Titanium", "Automatic", "Solar"]),
    ("Jewellery", RINGS, (25, 480), ["Signet Ring", "Hoop Earrings", "Chain", "Bangle"], ["Silver", "Gold Plated", "Hammered", "Brass"]),
    ("Kids' Clothing", KIDS, (9, 60), ["Dungarees", "Hoodie", "Leggings", "Raincoat"], ["Striped", "Fleece", "Soft", "Lined"]),
    ("Bedding", BEDS, (39, 290), ["Duvet Cover", "Fitted Sheet", "Pillowcase", "Blanket"], ["Percale", "Linen", "Sateen", "Brushed Cotton"]),
    ("Kitchen", [], (8, 240), ["Chef's Knife", "Saucepan", "Skillet", "Carving Board"], ["Carbon Steel", "Cast Iron", "Walnut", "Copper"]),
    ("Tableware", [], (7, 95), ["Dinner Plate", "Mug", "Serving Bowl", "Carafe"], ["Stoneware", "Porcelain", "Enamel", "Hand-Blown"]),
    ("Lighting", [], (35, 420), ["Desk Lamp", "Pendant", "Floor Lamp", "Lantern"], ["Brass", "Opal Glass", "Paper", "Concrete"]),
    ("Plants & Pots", [], (9, 130), ["Planter", "Hanging Pot", "Watering Can", "Monstera"], ["Terracotta", "Zinc", "Glazed", "Rattan"]),
    ("Stationery", [], (3, 65), ["Notebook", "Fountain Pen", "Pencil Set", "Desk Pad"], ["Dotted", "Recycled", "Brass", "Felt"]),
    ("Body Care", VOLUMES, (6, 55), ["Hand Soap", "Body Oil", "Shampoo", "Bath Salt"], ["Cedar", "Fig", "Unscented", "Citrus"]),
    ("Café & Tea", ["250 g", "500 g", "1 kg"], (7, 60), ["Espresso", "Filter Roast", "Green Tea", "Chai"], ["House", "Single Origin", "Organic", "Decaf"]),
    ("Outdoor", [], (12, 480), ["Tent", "Sleeping Bag", "Camp Stove", "Hammock"], ["Ultralight", "Two-Person", "Four-Season", "Packable"]),
]

COLORS = {
    "black": 9, "white": 8, "navy": 7, "grey": 6, "olive": 5, "sand": 5, "rust": 3, "forest": 3,
    "burgundy": 3, "sky": 3, "mustard": 2, "lilac": 2, "terracotta": 2, "mint": 2,
}
SERIES = [
    "Aarhus", "Alba", "Arno", "Bergen", "Brno", "Cádiz", "Como", "Dover", "Elba", "Fjord", "Gdańsk",
    "Haldon", "Inari", "Jura", "Køge", "Lund", "Malmö", "Nara", "Odense", "Porto", "Quimper",
    "Reykjavík", "Sète", "Tromsø", "Umeå", "Visby", "Wexford", "Ystad", "Zürich",
]
BRANDS = ["Nordlys", "Atelier Brême", "Fieldhouse", "Kōbō", "Maren & Sons", "Studio Oko", "Tallow", "Våg"]
ORIGINS = ["Portugal", "Italy", "Denmark", "Japan", "Türkiye", "Poland", "Germany", "India", "Scotland"]
MADE = [
    "Cut, sewn and finished in {origin}.", "Made in small runs in {origin}.",
    "Made in {origin} by a family workshop.", "Designed with {brand}, made in {origin}.",
]
WHY = [
    "It gets better with every year.", "Made to be repaired, not replaced.",
    "Nothing on it that it does not need.", "The one that we reach for ourselves.",
    "Light enough to forget that you have it with you.", "Tested through two winters before we sold the first.",
    "Comes in a box of 100% recycled board.", "Every part can be ordered on its own.",
]
# By the kind of sizes: how to look after it, and what it may weigh in grams.
CARE = {
    "worn": (["Machine wash at 30 °C.", "Hand wash only.", "Wash it inside out."], (60, 900)),
    "shoes": (["Air it, then brush it.", "Wax it twice a year.", "Keep it away from the radiator."], (380, 1400)),
    "filled": (["Keep dry and out of the sun.", "Best within a year."], (260, 1100)),
    "other": (["Wipe clean.", "Keep dry.", "Rinse by hand."], (80, 2400)),
}

NAMES = [
    ("Anna Lindqvist", "en"), ("José Hernández", "es"), ("Zoë Brontë", "en"), ("Łukasz Wójcik", "pl"),
    ("Nguyễn Thị Minh Khai", "vi"), ("Søren Kierkegård", "da"), ("François Lefèvre", "fr"), ("Jürgen Weiß", "de"),
    ("Şebnem Yıldız", "tr"), ("Ólafur Jónsson", "is"), ("Dvořák Tomáš", "cs"), ("Siobhán Ní Bhriain", "ga"),
    ("João Gonçalves", "pt"), ("Māris Bērziņš", "lv"), ("Ștefan Ionescu", "ro"), ("Đorđe Petrović", "sr"),
    ("Мария Иванова", "ru"), ("Олексій Шевченко", "uk"), ("Γιώργος Παπαδόπουλος", "el"), ("Սարգիս Հակոբյան", "hy"),
    ("ნინო ბერიძე", "ka"), ("יעל כהן", "he"), ("محمد الأحمد", "ar"), ("فاطمه رضایی", "fa"), ("राज पटेल", "hi"),
    ("প্রিয়া দাস", "bn"), ("அருண் குமார்", "ta"), ("สมชาย ใจดี", "th"), ("王小明", "zh"), ("佐藤 花子", "ja"),
    ("김민준", "ko"), ("Nia O'Connor", "en"),
]
GIVEN = [
    "Ada", "Björn", "Chloé", "Dmitri", "Elif", "Fatou", "Grażyna", "Håkon", "Inês", "Jiří", "Kaija", "Lucía",
    "Maël", "Noor", "Orla", "Paweł", "Quentin", "Renée", "Sina", "Tove", "Uğur", "Vera", "Wiebke", "Ximena",
    "Yara", "Zdeněk", "Amara", "Benedikt", "Céline", "Dilan",
]
FAMILY = [
    "Andersson", "Bâlc", "Castaño", "Duarte", "Eriksen", "Fischer", "Grünwald", "Hoxha", "Ivanić", "Jansen",
    "Kovács", "Lähteenmäki", "Muñoz", "Novák", "Özdemir", "Peña", "Quist", "Rossi", "Šimić", "Tremblay", "Ude",
    "Vūciņš", "Wang", "Xhaka", "Yamamoto", "Zając", "Okafor", "Mbeki", "Singh", "D'Angelo",
]
CITIES = ["Berlin", "Lisboa", "København", "Kraków", "Αθήνα", "東京", "İzmir", "Montréal", "São Paulo", "Nairobi"]
PASSWORDS = ["correct horse battery staple", "Pässwörter sind lang", "tr0ub4dor&3 is short", "swordfish-1932", "многоцветный-кот"]


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def uuid7(draw, moment):
    """As RFC 9562 lays a UUIDv7 out, its random bits drawn from `draw`."""
    millis = int(moment.timestamp() * 1000)
    high = millis << 16 | 0x7000 | draw.getrandbits(12)
    low = 0b10 << 62 | draw.getrandbits(62)
    text = f"{high << 64 | low:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def ascii_of(text):
    """Letters a to z and digits of it, others as dashes; may be empty."""
    plain = unicodedata.normalize("NFKD", text.replace("ł", "l").replace("Ł", "L").replace("ø", "o"))
    plain = plain.encode("ascii", "ignore").decode().lower().replace("'", "")
    return re.sub("[^a-z0-9]+", "-", plain).strip("-")


def between(draw, start, end):
    """A moment between two, to the millisecond."""
    moment = start + (end - start) * draw.random()
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def weighted(draw, weights, count):
    left, out = dict(weights), []
    while len(out) < count:
        pick = draw.choices(list(left), list(left.values()))[0]
        out.append(pick)
        del left[pick]
    return out


def kind_of(sizes):
    if sizes is SHOES:
        return "shoes"
    if sizes and sizes[-1].endswith((" l", " kg")):
        return "filled"
    return "worn" if sizes and sizes is not RINGS else "other"


def make_categories(draw):
    opening = START - datetime.timedelta(days=30)
    for number, (name, *_) in enumerate(CATEGORIES):
        made = between(draw, opening + datetime.timedelta(hours=number), opening + datetime.timedelta(hours=number + 1))
        yield {"id": uuid7(draw, made), "name": name, "slug": ascii_of(name), "create_time": stamp(made), "update_time": stamp(made)}


def make_products(draw):
    names = set()
    for number in range(PRODUCTS):
        category, sizes, (low, high), kinds, materials = CATEGORIES[number % len(CATEGORIES)]
        while True:
            material, kind, series = draw.choice(materials), draw.choice(kinds), draw.choice(SERIES)
            name = f"{series} {material} {kind}"
            if name not in names:
                break
        names.add(name)
        brand, origin = draw.choice(BRANDS), draw.choice(ORIGINS)
        made = between(draw, START - datetime.timedelta(days=29), END - datetime.timedelta(days=20))
        price = int(math.exp(draw.uniform(math.log(low), math.log(high)))) * 100 + draw.choice([0, 50, 90, 95, 99])
        first = draw.randrange(max(1, len(sizes) - 3)) if sizes else 0
        colors = weighted(draw, COLORS, draw.randint(1, 4))
        slug = ascii_of(name)
        why = draw.sample(WHY, 2)
        cares, (lightest, heaviest) = CARE[kind_of(sizes)]
        yield {
            "id": uuid7(draw, made),
            "name": name,
            "short_description": f"{material} {kind.lower()} from the {series} series",
            "description": " ".join([
                f"The {name} in {' and '.join(colors[:2])}.",
                draw.choice(MADE).format(origin=origin, brand=brand), *why, draw.choice(cares)]),
            "price_cents": price,
            "sizes": sizes[first:first + draw.randint(3, 8)],
            "colors": colors,
            "images": {color: f"https://images.example.com/{slug}/{color}.jpg" for color in colors},
            "category_slug": ascii_of(category),
            "sales_count": 0,
            "metadata": {
                "brand": brand, "origin": origin, "weight_grams": draw.randrange(lightest, heaviest, 10),
                "tags": draw.sample(["new", "bestseller", "vegan", "repairable", "gift", "limited"], draw.randint(0, 3)),
                "featured": draw.random() < 0.08,
            },
            "create_time": stamp(made),
            "update_time": stamp(made),
        }


def make_users(draw):
    seen = set()
    for number in range(USERS):
        if number < len(NAMES):
            name, language = NAMES[number]
        else:
            name, language = f"{draw.choice(GIVEN)} {draw.choice(FAMILY)}", draw.choice(["en", "de", "fr", "es", "pl"])
        local = ascii_of(name).replace("-", ".") or f"customer{number}"
        if local in seen:
            local += str(number)
        seen.add(local)
        made = between(draw, START - datetime.timedelta(days=20), END - datetime.timedelta(days=30))
        user = {"id": uuid7(draw, made), "email": f"{local}@example.{'com' if number % 3 else 'org'}", "name": name}
        if draw.random() < 0.05:
            user["is_active"] = False
        if number < len(PASSWORDS):
            user["password"] = PASSWORDS[number]
        user["metadata"] = {"language": language, "newsletter": draw.random() < 0.4}
        if draw.random() < 0.3:
            user["metadata"]["address"] = {"city": draw.choice(CITIES), "floor": draw.randrange(6)}
        yield {**user, "create_time": stamp(made), "update_time": stamp(made)}


def make_orders(draw, products, users):
    """Sales grow over the months, and some products and users are busier."""
    products_by = [1 / (1 + rank) ** 0.7 for rank in range(len(products))]
    users_by = [draw.paretovariate(1.6) for _ in users]
    shelf, buyers = draw.sample(products, len(products)), list(users)
    moments = sorted(START + (END - START) * math.sqrt(draw.random()) for _ in range(ORDERS))
    for moment in moments:
        moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        now = stamp(moment)
        while True:
            user = draw.choices(buyers, users_by)[0]
            if user["create_time"] < now:
                break
        items = []
        while not items:
            for product in draw.choices(shelf, products_by, k=draw.choices([1, 2, 3, 4, 6], [50, 25, 14, 8, 3])[0]):
                if product["create_time"] < now and all(item["product_id"] != product["id"] for item in items):
                    items.append({"product_id": product["id"], "name": product["name"],
                                  "quantity": draw.choices([1, 2, 3, 5], [80, 14, 4, 2])[0],
                                  "price_cents": product["price_cents"]})
        status = draw.choices(["SUCCESS", "FAILED", "PENDING"], [92, 6, 2])[0]
        if status == "PENDING" and moment < END - datetime.timedelta(days=14):
            status = "SUCCESS"
        settled = stamp(moment + datetime.timedelta(milliseconds=draw.randrange(900, 90_000)))
        if status == "SUCCESS":
            for item in items:
                next(p for p in products if p["id"] == item["product_id"])["sales_count"] += item["quantity"]
        yield {
            "id": uuid7(draw, moment), "user_id": user["id"], "email": user["email"],
            "amount_cents": sum(item["price_cents"] * item["quantity"] for item in items),
            "status": status, "items": items, "create_time": now,
            "update_time": now if status == "PENDING" else settled,
        }


def main():
    draw = random.Random(7600)
    categories = list(make_categories(draw))
    products = list(make_products(draw))
    users = list(make_users(draw))
    orders = list(make_orders(draw, products, users))
    for entity, records in (("Category", categories), ("Product", products), ("User", users), ("Order", orders)):
        for record in records:
            line = {"entity": f"shop.v1.{entity}", "record": record}
            sys.stdout.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
