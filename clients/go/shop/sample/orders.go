package main

import (
	"context"
	"fmt"

	storegate "github.com/storegate/storegate/clients/go"
	shopv1 "github.com/storegate/storegate/gen/shop/v1"
)

func (s *story) sell(ctx context.Context) (err error) {
	s.user, err = s.users.CreateUser(ctx, &shopv1.CreateUserRequest{
		User: &shopv1.User{Email: "ada-" + s.tag + "@example.com", Name: "Ada"},
	})
	if err != nil {
		return err
	}
	item := func(product *shopv1.Product, quantity int32) *shopv1.Order_Item {
		return &shopv1.Order_Item{
			ProductId: product.Id, Name: product.Name, Quantity: quantity, PriceCents: product.PriceCents,
		}
	}
	order, err := s.order(ctx, 9898, shopv1.Order_SUCCESS, item(s.sneaker, 2), item(s.sandal, 1))
	if err != nil {
		return err
	}
	fmt.Printf("order: %d %s of %s, %d items\n",
		order.AmountCents, order.Status, order.User.GetName(), len(order.Items))
	if _, err = s.order(ctx, 5000, shopv1.Order_SUCCESS); err != nil {
		return err
	}
	if _, err = s.order(ctx, 100, shopv1.Order_FAILED); err != nil {
		return err
	}
	list, err := s.orders.ListOrders(ctx, &shopv1.ListOrdersRequest{
		UserId: s.user.Id, IncludeTotalSize: true,
	})
	if err != nil {
		return err
	}
	fmt.Println("orders:", list.TotalSize)
	return nil
}

func (s *story) order(ctx context.Context, cents int64, status shopv1.Order_Status,
	items ...*shopv1.Order_Item) (*shopv1.Order, error) {
	order, err := s.orders.CreateOrder(ctx, &shopv1.CreateOrderRequest{
		Order: &shopv1.Order{
			UserId: s.user.Id, Email: s.user.Email, AmountCents: cents, Status: status, Items: items,
		},
		Include: mask("user"),
	})
	if err == nil {
		s.sold = append(s.sold, order)
	}
	return order, err
}

func (s *story) lookBack(ctx context.Context) error {
	streamed := 0
	for message, err := range storegate.Stream(ctx, s.orders.StreamOrders,
		&shopv1.StreamOrdersRequest{UserId: s.user.Id}) {
		if err != nil {
			return err
		}
		streamed += len(message.Orders)
	}
	fmt.Println("streamed:", streamed)

	analytics, err := s.orders.GetOrderAnalytics(ctx, &shopv1.GetOrderAnalyticsRequest{
		StartTime: s.sold[0].CreateTime, EndTime: s.sold[len(s.sold)-1].CreateTime,
	})
	if err != nil {
		return err
	}
	var orders, cents int64
	for _, month := range analytics.Months {
		orders += month.Total
		cents += month.RevenueCents
	}
	fmt.Printf("analytics: %d orders, %d cents\n", orders, cents)
	return nil
}

// clean removes for good all that the story made, what refers to others first.
func (s *story) clean(ctx context.Context) error {
	for _, order := range s.sold {
		if _, err := s.orders.PurgeOrder(ctx, &shopv1.PurgeOrderRequest{Id: order.Id}); err != nil {
			return err
		}
	}
	if _, err := s.users.PurgeUser(ctx, &shopv1.PurgeUserRequest{Id: s.user.Id}); err != nil {
		return err
	}
	for _, product := range []*shopv1.Product{s.sneaker, s.derby, s.sandal} {
		request := &shopv1.PurgeProductRequest{Id: product.Id}
		if _, err := s.products.PurgeProduct(ctx, request); err != nil {
			return err
		}
	}
	request := &shopv1.PurgeCategoryRequest{Id: s.category.Id}
	if _, err := s.categories.PurgeCategory(ctx, request); err != nil {
		return err
	}
	fmt.Println("purged")
	return nil
}
