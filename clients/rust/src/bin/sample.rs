//! The story of clients/story.txt: `sample HOST:PORT`.

use std::collections::hash_map::RandomState;
use std::error::Error;
use std::hash::BuildHasher;

use prost_types::FieldMask;
use storegate_sample::gateway::{Gateway, connect, read, reason, violations};
use storegate_sample::proto::shop::v1::category_store_client::CategoryStoreClient;
use storegate_sample::proto::shop::v1::order::{Item, Status as OrderStatus};
use storegate_sample::proto::shop::v1::order_store_client::OrderStoreClient;
use storegate_sample::proto::shop::v1::product_store_client::ProductStoreClient;
use storegate_sample::proto::shop::v1::user_store_client::UserStoreClient;
use storegate_sample::proto::shop::v1::*;
use tonic::{Code, Response, Status};

const NOBODYS_ID: &str = "00000000-0000-4000-8000-000000000000";

type Outcome<T> = Result<T, Box<dyn Error>>;

struct Shop {
    categories: CategoryStoreClient<Gateway>,
    products: ProductStoreClient<Gateway>,
    orders: OrderStoreClient<Gateway>,
    users: UserStoreClient<Gateway>,
    /// Makes names of this run differ from those of others.
    tag: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let target = std::env::args().nth(1).ok_or("usage: sample HOST:PORT")?;
    let gateway = connect(&target)?;
    let mut shop = Shop {
        categories: CategoryStoreClient::new(gateway.clone()),
        products: ProductStoreClient::new(gateway.clone()),
        orders: OrderStoreClient::new(gateway.clone()),
        users: UserStoreClient::new(gateway),
        tag: random_tag(),
    };
    let category = shop.fill_a_shelf().await?;
    let products = shop.list_the_shelf(&category).await?;
    let [sandal, sneaker, _] = &products[..] else {
        return Err(format!("three products were made, {} are there", products.len()).into());
    };
    let sneaker = shop.change_a_price(sneaker).await?;
    shop.make_mistakes(&category).await?;
    let user = shop.users.create_user(CreateUserRequest {
        user: Some(User {
            email: format!("ada-{}@example.com", shop.tag),
            name: "Ada".into(),
            ..Default::default()
        }),
    });
    let user = user.await?.into_inner();
    let orders = shop.order(&user, &sneaker, sandal).await?;
    shop.look_at_orders(&user, &orders).await?;
    shop.purge(&orders, &user, &products, &category).await?;
    Ok(())
}

impl Shop {
    async fn fill_a_shelf(&mut self) -> Outcome<Category> {
        let category = Category {
            name: format!("Shoes {}", self.tag),
            slug: format!("shoes-{}", self.tag),
            ..Default::default()
        };
        let request = CreateCategoryRequest { category: Some(category), include: None };
        let category = self.categories.create_category(request).await?.into_inner();
        println!("category: created");

        let prices = [("Canvas sneaker", 4999), ("Derby", 12900), ("Sandal", 2900)];
        let create = |(name, price_cents): (&str, i64)| CreateProductRequest {
            product: Some(Product {
                name: name.into(),
                price_cents,
                category_slug: category.slug.clone(),
                ..Default::default()
            }),
            include: None,
        };
        let request = BatchCreateProductsRequest {
            requests: prices.map(create).into(),
            allow_partial: false,
        };
        let response = self.products.batch_create_products(request).await?.into_inner();
        println!("products: {} created", response.products.len());
        Ok(category)
    }

    async fn list_the_shelf(&self, category: &Category) -> Outcome<Vec<Product>> {
        let mut request = ListProductsRequest {
            category_slug: category.slug.clone(),
            order_by: "price_cents".into(),
            page_size: 2,
            ..Default::default()
        };
        let (mut products, mut pages) = (Vec::new(), 0);
        loop {
            let page = read(async || self.products.clone().list_products(request.clone()).await);
            let page = page.await?;
            pages += 1;
            for product in &page.products {
                println!("product: {} {}", product.name, product.price_cents);
            }
            products.extend(page.products);
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        println!("pages: {pages}");

        let request = GetCategoryRequest {
            slug: category.slug.clone(),
            include: mask("product_count"),
            ..Default::default()
        };
        let category = read(async || self.categories.clone().get_category(request.clone()).await);
        println!("on the shelf: {}", category.await?.product_count);
        Ok(products)
    }

    async fn change_a_price(&mut self, sneaker: &Product) -> Outcome<Product> {
        let updated = self.set_price(sneaker, 3999).await?;
        println!("updated: {} {}", updated.name, updated.price_cents);

        // The etag is that of before: somebody else was faster.
        let conflict = failure(self.set_price(sneaker, 1999).await)?;
        println!("conflict: {} {}", name(conflict.code()), reason(&conflict));
        let request = GetProductRequest { id: sneaker.id.clone(), ..Default::default() };
        let current = read(async || self.products.clone().get_product(request.clone()).await);
        let current = current.await?;
        let updated = self.set_price(&current, 3499).await?;
        println!("updated: {} {}", updated.name, updated.price_cents);
        Ok(updated)
    }

    async fn set_price(&mut self, product: &Product, price_cents: i64) -> Result<Product, Status> {
        let request = UpdateProductRequest {
            product: Some(Product {
                id: product.id.clone(),
                etag: product.etag.clone(),
                price_cents,
                ..Default::default()
            }),
            update_mask: mask("price_cents"),
            ..Default::default()
        };
        self.products.update_product(request).await.map(Response::into_inner)
    }

    async fn make_mistakes(&mut self, category: &Category) -> Outcome<()> {
        let product =
            Product { price_cents: -5, category_slug: category.slug.clone(), ..Default::default() };
        let request = CreateProductRequest { product: Some(product), include: None };
        let invalid = failure(self.products.create_product(request).await)?;
        let fields: Vec<_> = violations(&invalid).into_iter().map(|(field, _)| field).collect();
        println!("invalid: {} {}", name(invalid.code()), fields.join(", "));

        let request = GetProductRequest { id: NOBODYS_ID.into(), ..Default::default() };
        let missing = failure(self.products.get_product(request).await)?;
        println!("missing: {} {}", name(missing.code()), reason(&missing));
        Ok(())
    }

    async fn order(
        &mut self,
        user: &User,
        sneaker: &Product,
        sandal: &Product,
    ) -> Outcome<Vec<Order>> {
        let item = |product: &Product, quantity| Item {
            product_id: product.id.clone(),
            name: product.name.clone(),
            quantity,
            price_cents: product.price_cents,
        };
        let items = vec![item(sneaker, 2), item(sandal, 1)];
        let order = self.create_order(user, 9898, OrderStatus::Success, items).await?;
        let status = order.status().as_str_name();
        let owner = order.user.as_ref().map_or("nobody", |user| &user.name);
        println!("order: {} {status} of {owner}, {} items", order.amount_cents, order.items.len());

        let mut orders = vec![order];
        for (amount_cents, status) in [(5000, OrderStatus::Success), (100, OrderStatus::Failed)] {
            orders.push(self.create_order(user, amount_cents, status, vec![]).await?);
        }
        let request = ListOrdersRequest {
            user_id: user.id.clone(),
            include_total_size: true,
            ..Default::default()
        };
        let list = read(async || self.orders.clone().list_orders(request.clone()).await);
        println!("orders: {}", list.await?.total_size);
        Ok(orders)
    }

    async fn create_order(
        &mut self,
        user: &User,
        amount_cents: i64,
        status: OrderStatus,
        items: Vec<Item>,
    ) -> Result<Order, Status> {
        let order = Order {
            user_id: user.id.clone(),
            email: user.email.clone(),
            amount_cents,
            status: status.into(),
            items,
            ..Default::default()
        };
        let request = CreateOrderRequest { order: Some(order), include: mask("user") };
        self.orders.create_order(request).await.map(Response::into_inner)
    }

    async fn look_at_orders(&self, user: &User, orders: &[Order]) -> Outcome<()> {
        let request = StreamOrdersRequest { user_id: user.id.clone(), ..Default::default() };
        let stream = read(async || self.orders.clone().stream_orders(request.clone()).await);
        let (mut stream, mut streamed) = (stream.await?, 0);
        while let Some(message) = stream.message().await? {
            streamed += message.orders.len();
        }
        println!("streamed: {streamed}");

        let request = GetOrderAnalyticsRequest {
            start_time: orders.first().and_then(|order| order.create_time),
            end_time: orders.last().and_then(|order| order.create_time),
            ..Default::default()
        };
        let answer = read(async || self.orders.clone().get_order_analytics(request.clone()).await);
        let months = answer.await?.months;
        let total: i64 = months.iter().map(|month| month.total).sum();
        let revenue: i64 = months.iter().map(|month| month.revenue_cents).sum();
        println!("analytics: {total} orders, {revenue} cents");
        Ok(())
    }

    async fn purge(
        &mut self,
        orders: &[Order],
        user: &User,
        products: &[Product],
        category: &Category,
    ) -> Outcome<()> {
        for Order { id, .. } in orders {
            let request = PurgeOrderRequest { id: id.clone(), ..Default::default() };
            self.orders.purge_order(request).await?;
        }
        let request = PurgeUserRequest { id: user.id.clone(), ..Default::default() };
        self.users.purge_user(request).await?;
        for Product { id, .. } in products {
            let request = PurgeProductRequest { id: id.clone(), ..Default::default() };
            self.products.purge_product(request).await?;
        }
        let request = PurgeCategoryRequest { id: category.id.clone(), ..Default::default() };
        self.categories.purge_category(request).await?;
        println!("purged");
        Ok(())
    }
}

fn mask(path: &str) -> Option<FieldMask> {
    Some(FieldMask { paths: vec![path.into()] })
}

fn failure<T>(answer: Result<T, Status>) -> Outcome<Status> {
    answer.err().ok_or_else(|| "a call succeeded that must not".into())
}

/// The canonical name, which tonic does not have: NotFound is NOT_FOUND.
fn name(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// Eight lower case letters and digits; std's hash keys are random.
fn random_tag() -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut rest = RandomState::new().hash_one("storegate");
    let mut tag = String::new();
    for _ in 0..8 {
        tag.push(DIGITS[(rest % 36) as usize] as char);
        rest /= 36;
    }
    tag
}
